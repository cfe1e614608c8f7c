#pragma once

#include <functional>
#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/base/sign_error.h"
#include "protocol/net/sign_client.h"

namespace quorate::provider {

using SignResult = Result<net::SignedContent, SignError>;

/// Whether the caller runs in an OpenSSL ASYNC job (HAProxy's ssl-mode-async, s_server -async).
bool in_async_job();

/// Starts an operation, pauses the job until the operation calls back, and returns its result. The callback
/// may come from any thread, or from within start(). Nothing if no wait descriptor can be had: start() was
/// not called then.
std::optional<SignResult> sign_in_async_job(const std::function<void(net::SignClient::SignDone)>& start);

}  // namespace quorate::provider
