#include "tools/haproxy_crt_list.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "signerd/durable_file.h"

namespace quorate::tools {
namespace {

constexpr std::size_t kMaxAnswer = 4 << 20, kMaxList = 4 << 20;
constexpr int kTimeout = 2;  ///< seconds

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string line;  // with single blanks, and none at its ends
    for (const char c : text.substr(0, end)) {
      const bool blank = c == ' ' || c == '\t' || c == '\r';
      if (!blank) line += c;
      else if (!line.empty() && line.back() != ' ') line += ' ';
    }
    if (!line.empty() && line.back() == ' ') line.pop_back();
    out.push_back(std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string_view first_word(std::string_view line) { return line.substr(0, line.find(' ')); }

std::string error_text(const char* what) {
  return std::string(what) + ": " + std::generic_category().message(errno);
}

/// Without line ends, for a log.
std::string flat(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

}  // namespace

std::vector<std::string> entries_of(std::string_view list_file, std::string_view certificate) {
  auto lines = lines_of(list_file);
  std::erase_if(lines, [&](const std::string& line) { return first_word(line) != certificate; });
  return lines;
}

std::vector<std::string> shown_lines_of(std::string_view answer, std::string_view certificate) {
  std::vector<std::string> out;
  for (const auto& line : lines_of(answer)) {
    const auto word = first_word(line);
    const auto colon = word.rfind(':');
    if (colon == std::string_view::npos || word.substr(0, colon) != certificate) continue;
    const auto number = word.substr(colon + 1);
    const bool digits = !number.empty() && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits) out.emplace_back(number);
  }
  return out;
}

Result<std::string, std::string> HaproxyCrtList::ask(const std::string& command) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket_.native();
  if (path.size() >= sizeof address.sun_path) return fail(path + ": too long for the name of a socket");
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd < 0) return fail(error_text("no socket"));
  const timeval limit{kTimeout, 0};
  (void)setsockopt(socket.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  (void)setsockopt(socket.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(socket.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(error_text(path.c_str()));
  std::string_view rest = command;
  while (!rest.empty()) {
    const auto n = ::send(socket.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(error_text(path.c_str()));
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  std::string answer;
  std::array<char, 16384> piece{};
  while (answer.size() <= kMaxAnswer) {
    const auto n = ::recv(socket.fd, piece.data(), piece.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_text(path.c_str()));
    if (n == 0) return answer;
    answer.append(piece.data(), static_cast<std::size_t>(n));
  }
  return fail(path + ": the answer is too long");
}

Result<void, std::string> HaproxyCrtList::remove(const std::vector<std::string>& lines) const {
  for (const auto& line : lines) {
    std::string entry = certificate_;
    entry += ':' + line;
    auto answer = ask("del ssl crt-list " + list_ + " " + entry + "\n");
    if (!answer) return fail(answer.error());
    if (answer->find("deleted in crtlist") == std::string::npos) return fail("HAProxy: " + flat(*answer));
  }
  return {};
}

Result<HaproxyCrtList::Done, std::string> HaproxyCrtList::set(bool listed) const {
  auto answer = ask("show ssl crt-list -n " + list_ + "\n");
  if (!answer) return fail(answer.error());
  if (!answer->starts_with("# " + list_)) return fail("HAProxy: " + flat(*answer) + " (" + list_ + ")");
  const auto present = shown_lines_of(*answer, certificate_);
  if (!listed) {
    if (present.empty()) return Done::Nothing;
    if (auto removed = remove(present); !removed) return fail(removed.error());
    return Done::Deleted;
  }
  auto file = signerd::read_file(list_, kMaxList);
  if (!file) return fail(file.error());
  const auto entries = entries_of(as_text(*file), certificate_);
  if (entries.empty()) return fail(list_ + ": has no line for " + certificate_);
  if (present.size() == entries.size()) return Done::Nothing;
  if (auto removed = remove(present); !removed) return fail(removed.error());
  for (const auto& entry : entries) {
    auto added = ask("add ssl crt-list " + list_ + " <<\n" + entry + "\n\n");
    if (!added) return fail(added.error());
    if (added->find("Success!") == std::string::npos) return fail("HAProxy: " + flat(*added));
  }
  return Done::Added;
}

}  // namespace quorate::tools
