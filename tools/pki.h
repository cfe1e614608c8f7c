#pragma once

#include <filesystem>
#include <string>

#include "protocol/net/tls.h"

namespace quorate::tools {

/// The certificates of a cluster's own links: P-256 keys, made where they are used; only requests and
/// certificates travel. Errors name the file and what to do.
/// All writers refuse to overwrite; private keys get mode 0600.

/// New TLS key and a request that carries `who` as URI SAN.
Result<void, std::string> make_request(const std::filesystem::path& key_file, const std::filesystem::path& csr_file,
                                       const net::PeerIdentity& who);

/// A small certificate authority: ca.key and ca.crt in `directory`, valid for ten years.
Result<void, std::string> make_ca(const std::filesystem::path& directory, const std::string& cluster);

struct SignedRequest {
  net::PeerIdentity who;
  std::string fingerprint;   ///< SHA-256 of the request's public key, hexadecimal
};
/// Reads and checks a request: its own signature, exactly one quorate: URI. Other names in it are ignored.
Result<SignedRequest, std::string> inspect_request(const std::filesystem::path& csr_file);

/// Signs the request with the CA in `directory`. The certificate carries that one URI and nothing else of
/// what the request asked for.
Result<SignedRequest, std::string> sign_request(const std::filesystem::path& directory,
                                                const std::filesystem::path& csr_file,
                                                const std::filesystem::path& certificate_file, int days);

/// Writes a new file; an existing one is an error.
Result<void, std::string> write_new(const std::filesystem::path& path, std::string_view text, unsigned mode);

}  // namespace quorate::tools
