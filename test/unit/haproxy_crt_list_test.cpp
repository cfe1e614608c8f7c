// The agent's side of HAProxy's stats socket, against a socket that answers as HAProxy 2.6 does (texts taken from a
// running one). The real one is in test/system/decline_test.py.
#include "tools/haproxy_crt_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace quorate::tools {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(HaproxyCrtListText, finds_the_lines_of_one_certificate_with_options_and_filters) {
  EXPECT_THAT(entries_of("# /c/www.pem\n/c/www.pem  [alpn h2]\twww.example.org !a.example.org \r\n/c/www.pem.bak\n"
                         "  /c/www.pem\n\n/c/other.pem /c/www.pem",
                         "/c/www.pem"),
              ElementsAre("/c/www.pem [alpn h2] www.example.org !a.example.org", "/c/www.pem"));
  EXPECT_THAT(entries_of("", "/c/www.pem"), IsEmpty());
}

TEST(HaproxyCrtListText, finds_line_numbers_in_what_haproxy_shows) {
  EXPECT_THAT(shown_lines_of("# /c/list.txt\n/c/rsa.pem:2 !*\n/c/www.pem:3\n/c/www.pem:12 [alpn h2] x\n\n", "/c/www.pem"),
              ElementsAre("3", "12"));
  EXPECT_THAT(shown_lines_of("# /c/list.txt\n/c/www.pem:\n/c/www.pem:3x\n/c/www.pem\n/c/www.pem.bak:4\n", "/c/www.pem"), IsEmpty());
}

/// One crt-list in memory behind a socket.
class FakeHaproxy {
 public:
  explicit FakeHaproxy(fs::path socket, std::string list) : path_(std::move(socket)), list_(std::move(list)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.native().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  FakeHaproxy(const FakeHaproxy&) = delete;
  FakeHaproxy& operator=(const FakeHaproxy&) = delete;
  ~FakeHaproxy() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  /// Used by the test between commands only.
  std::vector<std::pair<int, std::string>> entries{{1, "/c/rsa.pem !*"}, {2, "/c/www.pem [alpn h2] www.example.org"}};
  std::vector<std::string> changes;
  std::string refusal;

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      std::string command(4096, '\0');
      command.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(peer, command.data(), command.size()))));
      const std::string reply = answer(command);
      EXPECT_EQ(::write(peer, reply.data(), reply.size()), static_cast<ssize_t>(reply.size()));
      ::close(peer);
    }
  }
  std::string answer(const std::string& command) {
    if (command == "show ssl crt-list -n " + list_ + "\n") {
      std::string out = "# " + list_ + "\n";
      for (const auto& [line, text] : entries) {
        const auto word = text.find(' ');
        out += text.substr(0, word) + ":" + std::to_string(line) + (word == std::string::npos ? "" : text.substr(word)) + "\n";
      }
      return out + "\n";
    }
    if (command.starts_with("show")) return "didn't find the specified filename\n\n";
    changes.push_back(command);
    if (!refusal.empty()) return refusal;
    if (command.starts_with("del ssl crt-list " + list_ + " /c/www.pem:")) {
      const int line = std::stoi(command.substr(command.rfind(':') + 1));
      std::erase_if(entries, [&](const auto& entry) { return entry.first == line; });
      return "Entry '/c/www.pem' deleted in crtlist '" + list_ + "'!\n\n";
    }
    const std::string head = "add ssl crt-list " + list_ + " <<\n";
    if (command.starts_with(head)) {
      entries.emplace_back(next_++, command.substr(head.size(), command.size() - head.size() - 2));
      return "Inserting certificate '/c/www.pem' in crt-list '" + list_ + "'.\nSuccess!\n\n";
    }
    return "Unknown command\n";
  }

  fs::path path_;
  std::string list_;
  int listener_ = -1, next_ = 100;
  std::thread thread_;
};

class HaproxyCrtListTest : public testing::Test {
 protected:
  HaproxyCrtListTest() {
    std::string name = (fs::temp_directory_path() / "quorate-agent.XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    write("/c/rsa.pem !*\n/c/www.pem [alpn h2] www.example.org\n");
  }
  ~HaproxyCrtListTest() override { fs::remove_all(dir_); }
  void write(const std::string& text) const { std::ofstream(dir_ / "list.txt") << text; }
  [[nodiscard]] std::string list() const { return (dir_ / "list.txt").string(); }
  [[nodiscard]] fs::path socket() const { return dir_ / "admin.sock"; }
  [[nodiscard]] HaproxyCrtList agent() const { return {socket(), list(), "/c/www.pem"}; }

  using Done = HaproxyCrtList::Done;
  fs::path dir_;
};

TEST_F(HaproxyCrtListTest, takes_the_certificate_off_and_puts_it_back_with_its_options) {
  FakeHaproxy haproxy(socket(), list());
  EXPECT_EQ(agent().set(false).value(), Done::Deleted);
  EXPECT_EQ(haproxy.entries.size(), 1u);
  EXPECT_EQ(agent().set(true).value(), Done::Added);
  ASSERT_EQ(haproxy.entries.size(), 2u);
  EXPECT_EQ(haproxy.entries[1].second, "/c/www.pem [alpn h2] www.example.org");
}

TEST_F(HaproxyCrtListTest, leaves_alone_what_is_so_already) {
  FakeHaproxy haproxy(socket(), list());
  EXPECT_EQ(agent().set(true).value(), Done::Nothing);
  EXPECT_EQ(agent().set(false).value(), Done::Deleted);
  EXPECT_EQ(agent().set(false).value(), Done::Nothing);
  EXPECT_EQ(haproxy.changes.size(), 1u);
}

TEST_F(HaproxyCrtListTest, mends_a_list_that_was_left_half_done) {
  write("/c/rsa.pem !*\n/c/www.pem a\n/c/www.pem b\n");
  FakeHaproxy haproxy(socket(), list());
  EXPECT_EQ(agent().set(true).value(), Done::Added);
  ASSERT_EQ(haproxy.entries.size(), 3u);
  EXPECT_EQ(haproxy.entries[1].second, "/c/www.pem a");
  EXPECT_EQ(haproxy.entries[2].second, "/c/www.pem b");
}

TEST_F(HaproxyCrtListTest, reports_what_haproxy_refuses) {
  FakeHaproxy haproxy(socket(), list());
  haproxy.refusal = "Permission denied\n\n";
  const auto done = agent().set(false);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), "HAProxy: Permission denied");
}

TEST_F(HaproxyCrtListTest, reports_a_list_that_haproxy_does_not_know) {
  const FakeHaproxy haproxy(socket(), "/another");
  EXPECT_THAT(agent().set(false).error(), HasSubstr("didn't find the specified filename"));
}

TEST_F(HaproxyCrtListTest, never_adds_what_the_file_does_not_have) {
  write("/c/rsa.pem !*\n");
  FakeHaproxy haproxy(socket(), list());
  haproxy.entries.pop_back();
  EXPECT_THAT(agent().set(true).error(), HasSubstr("has no line for /c/www.pem"));
  EXPECT_THAT(haproxy.changes, IsEmpty());
}

TEST_F(HaproxyCrtListTest, reports_a_socket_that_nobody_answers) {
  EXPECT_THAT(agent().set(false).error(), HasSubstr("admin.sock: No such file"));
  const HaproxyCrtList far(fs::path("/" + std::string(200, 'x')), list(), "/c/www.pem");
  EXPECT_THAT(far.set(false).error(), HasSubstr("too long"));
}

}  // namespace
}  // namespace quorate::tools
