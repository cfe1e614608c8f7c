#pragma once

#include <sys/types.h>

#include <filesystem>

#include "tools/doctor_findings.h"

namespace quorate::tools::doctor {

/// What stat() says, symbolic links followed.
struct FileFacts {
  std::filesystem::path path;
  std::string unusable;  ///< why it cannot be looked at or read by this user; empty if it can
  bool directory = false;
  unsigned mode = 0;  ///< permission bits
  uid_t owner = 0;
};

FileFacts look_at(const std::filesystem::path& path);

/// Who besides its owner may read a secret file.
enum class Readers : std::uint8_t {
  OwnerOnly,
  Group,  ///< as a TLS key of a server that runs with a group of its own
};
/// A private key: nobody else may read it, nobody else may write it.
Finding judge_secret(std::string check, const FileFacts& file, Readers readers);

/// A file that says which code is loaded or whom to believe: nobody but its owner and group may write it.
Finding judge_trusted(std::string check, const FileFacts& file);

/// A directory that holds secret files: nobody but its owner may enter it.
Finding judge_private_directory(std::string check, const FileFacts& directory, uid_t expected_owner);

}  // namespace quorate::tools::doctor
