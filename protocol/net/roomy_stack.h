#pragma once

#include <functional>

namespace quorate::net {

/// Calls work() at once, on a stack of 512 KiB if the present one is the small stack of an OpenSSL ASYNC job
/// (32 KiB, too little for TLS handshakes), and without letting the job be paused in it. Exceptions pass
/// through. Without memory for a stack it runs where it is.
void with_roomy_stack(const std::function<void()>& work);

}  // namespace quorate::net
