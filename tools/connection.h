#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "protocol/net/sign_client.h"
#include "provider/config.h"

namespace quorate::tools {

/// A provider.json and links to the signers that it names. Links are made when they are first used.
struct Connection {
  provider::Config config;
  std::unique_ptr<net::SignClient> client;
};

/// `deadline` is that of signatures, `idle_status` how often signers are asked for their state. Warnings of the links
/// go to standard error. The error names the file.
Result<Connection, std::string> connect(const std::filesystem::path& provider_json, std::chrono::milliseconds deadline,
                                        std::chrono::milliseconds idle_status = std::chrono::seconds(10));

}  // namespace quorate::tools
