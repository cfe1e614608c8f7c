#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace quorate::signerd {

/// Replaces a file so that a crash at any moment leaves either the old or the new content: temporary
/// file, fsync, rename, fsync of the directory. The error says what failed on which path.
Result<void, std::string> write_durably(const std::filesystem::path& path, ByteView content, mode_t mode);

/// Renames a file to `path` + kWipedSuffix, writes zeros over it and removes it, durable when it returns. A crash leaves
/// the file as it was or under the new name, never half of it under the old one. One that is not there is fine. What
/// lies on a worn flash cell, in a snapshot or in a backup is out of reach.
Result<void, std::string> wipe_durably(const std::filesystem::path& path);
inline constexpr std::string_view kWipedSuffix = ".wiped";

/// Creates an empty file durably. False if it existed already.
Result<bool, std::string> create_marker(const std::filesystem::path& path);

/// Reads at most `limit` bytes; a longer file is an error.
Result<Bytes, std::string> read_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace quorate::signerd
