#include "tools/output.h"

#include <cstdio>

#include "protocol/base/printable.h"

namespace quorate::tools {

namespace {
std::string dump(const nlohmann::ordered_json& object) {
  return object.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}
}  // namespace

void Output::result(const std::string& text, const nlohmann::ordered_json& object) const {
  std::printf("%s\n", json ? dump(object).c_str() : printable(text, true).c_str());
  std::fflush(stdout);
}

void Output::progress(const std::string& text) const { std::fprintf(stderr, "%s\n", printable(text, true).c_str()); }

int Output::error(const std::string& text, int code) const {
  if (json) std::printf("%s\n", dump({{"error", text}}).c_str());
  std::fprintf(stderr, "quorate: %s\n", printable(text, true).c_str());
  return code;
}

}  // namespace quorate::tools
