#include "signerd/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace quorate::signerd {

namespace {

/// Closes on scope exit.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Failure<std::string> failed(const std::string& what, const std::filesystem::path& path) {
  return fail(what + " " + path.string() + ": " + std::generic_category().message(errno));
}

Result<void, std::string> sync_directory(const std::filesystem::path& path) {
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Descriptor dir(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0 || ::fsync(dir.get()) != 0) return failed("cannot sync directory", parent);
  return {};
}

}  // namespace

Result<void, std::string> write_durably(const std::filesystem::path& path, ByteView content, mode_t mode) {
  auto temporary = path;
  temporary += ".tmp";
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (file.get() < 0) return failed("cannot create", temporary);
    if (::fchmod(file.get(), mode) != 0) return failed("cannot set the mode of", temporary);
    std::size_t written = 0;
    while (written < content.size()) {
      const ssize_t n = ::write(file.get(), content.data() + written, content.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed("cannot write", temporary);
      written += static_cast<std::size_t>(n);
    }
    if (::fsync(file.get()) != 0) return failed("cannot sync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot rename to", path);
  return sync_directory(path);
}

Result<void, std::string> wipe_durably(const std::filesystem::path& path) {
  auto doomed = path;
  if (doomed.extension() != kWipedSuffix) {
    doomed += kWipedSuffix;
    if (::rename(path.c_str(), doomed.c_str()) != 0 && errno != ENOENT) return failed("cannot rename", path);
    if (auto synced = sync_directory(path); !synced) return synced;
  }
  {
    const Descriptor file(::open(doomed.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0) {
      if (errno == ENOENT) return {};
      return failed("cannot open", doomed);
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return failed("cannot look at", doomed);
    const std::string zeros(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t written = 0;
    while (written < zeros.size()) {
      const ssize_t n = ::write(file.get(), zeros.data() + written, zeros.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed("cannot write", doomed);
      written += static_cast<std::size_t>(n);
    }
    if (::fsync(file.get()) != 0) return failed("cannot sync", doomed);
  }
  if (::unlink(doomed.c_str()) != 0) return failed("cannot remove", doomed);
  return sync_directory(path);
}

Result<bool, std::string> create_marker(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    if (errno == EEXIST) return false;
    return failed("cannot create", path);
  }
  if (::fsync(file.get()) != 0) return failed("cannot sync", path);
  if (auto synced = sync_directory(path); !synced) return fail(synced.error());
  return true;
}

Result<Bytes, std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return failed("cannot open", path);
  Bytes out;
  std::uint8_t chunk[8192];
  for (;;) {
    const ssize_t n = ::read(file.get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("cannot read", path);
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > limit)
      return fail(path.string() + " is longer than " + std::to_string(limit) + " bytes");
    append(out, ByteView(chunk, static_cast<std::size_t>(n)));
  }
}

}  // namespace quorate::signerd
