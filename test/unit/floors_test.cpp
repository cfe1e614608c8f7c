// Holds the order of the floors of protocol/: all share one include root, so a wrong include of a header
// would compile. QUORATE_SOURCE_ROOT is the root of the source tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kProtocol = fs::path(QUORATE_SOURCE_ROOT) / "protocol";
const std::vector<std::string> kFloors = {"base", "group", "hash",    "ot",          "mul",
                                          "tecdsa", "wire", "session", "coordinator", "net"};

struct SourceFile {
  fs::path path;
  std::string text;
};

std::vector<SourceFile> files_of(const fs::path& folder) {
  std::vector<SourceFile> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".h" && entry.path().extension() != ".cpp") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files.push_back({entry.path(), {std::istreambuf_iterator<char>(in), {}}});
  }
  return files;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) out.push_back((*at)[1]);
  return out;
}

const std::regex kInclude("#include [<\"]([^>\"]+)[>\"]");

TEST(Floors, are_all_there_and_no_others) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(kProtocol))
    if (entry.is_directory()) found.push_back(entry.path().filename());
  auto wanted = kFloors;
  std::sort(wanted.begin(), wanted.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, wanted);
}

TEST(Floors, include_only_those_above_them) {
  std::size_t seen = 0;
  for (std::size_t floor = 0; floor < kFloors.size(); ++floor) {
    for (const auto& file : files_of(kProtocol / kFloors[floor])) {
      for (const auto& name : matches(file.text, std::regex("#include \"([^\"]+)\""))) {
        ++seen;
        ASSERT_TRUE(name.starts_with("protocol/")) << file.path << " includes " << name;
        const std::string other = name.substr(9, name.find('/', 9) - 9);
        const auto place = std::find(kFloors.begin(), kFloors.end(), other) - kFloors.begin();
        EXPECT_LE(static_cast<std::size_t>(place), floor) << file.path << " includes " << name;
      }
    }
  }
  EXPECT_GT(seen, 200U);
}

TEST(Floors, do_no_io_below_net) {
  const std::vector<std::string> foreign = {"boost/",   "nlohmann/",  "spdlog/",           "CLI/",    "thread",
                                            "mutex",    "fstream",    "filesystem",        "iostream", "random",
                                            "ctime",    "future",     "condition_variable", "unistd.h", "sys/",
                                            "pthread.h", "openssl/ssl", "openssl/bio",     "openssl/rand"};
  for (std::size_t floor = 0; floor + 1 < kFloors.size(); ++floor) {
    for (const auto& file : files_of(kProtocol / kFloors[floor])) {
      for (const auto& name : matches(file.text, kInclude))
        for (const auto& bad : foreign)
          EXPECT_FALSE(bad.back() == '/' ? name.starts_with(bad) : name == bad || name == bad + ".h")
              << file.path << " includes " << name;
      for (const char* call : {"_clock::now", "clock_gettime(", "getenv(", "std::rand(", "time(nullptr)"})
        EXPECT_EQ(file.text.find(call), std::string::npos) << file.path << " has " << call;
    }
  }
}

}  // namespace
