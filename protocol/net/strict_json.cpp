#include "protocol/net/strict_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "protocol/base/printable.h"

namespace quorate::net {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxProblems = 16;
constexpr int kMaxDepth = 32;

/// Thrown inside parse() only.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Watches the parser for what a JSON value no longer shows: keys given twice.
class DuplicateWatch {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) throw Refused("nested deeper than 32 levels");
    switch (event) {
      case json::parse_event_t::object_start: keys_.emplace_back(); break;
      case json::parse_event_t::object_end: keys_.pop_back(); break;
      case json::parse_event_t::key:
        if (!keys_.back().insert(parsed.get<std::string>()).second)
          throw Refused("key \"" + printable(parsed.get<std::string>()) + "\" is given twice in one object");
        break;
      default: break;
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

std::string position(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(text.size(), byte == 0 ? 0 : byte - 1));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const auto line_start = before.rfind('\n');
  const std::size_t column = line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(column + 1);
}

/// nlohmann's message without its exception number and position.
std::string syntax_problem(const json::parse_error& error) {
  const std::string_view what = error.what();
  const auto colon = what.find(": ");
  return printable(colon == std::string_view::npos ? what : what.substr(colon + 2));
}

std::string type_of(const json& value) {
  if (value.is_number_float()) return "a fraction";
  if (value.is_number_integer()) return value.dump();
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return value.dump();
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return "null";
}

std::string range(auto min, auto max) { return std::to_string(min) + ".." + std::to_string(max); }

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0 || digits[0] == '0') return std::nullopt;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return std::nullopt;
  } else if (host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") !=
             std::string_view::npos) {
    return std::nullopt;
  }
  if (host.empty() || host.size() > 253) return std::nullopt;
  return HostPort{std::string(host), port};
}

struct StrictJson::State {
  std::string name;
  std::filesystem::path directory;
  json document;
  std::vector<std::string> problems;
  /// What the reader asked each object for, and where that object is.
  struct Asked {
    std::string path;
    std::set<std::string, std::less<>> keys;
  };
  std::map<const json*, Asked> asked;

  void note(std::string_view path, std::string_view problem) {
    std::string text = name + ": ";
    if (!path.empty()) text.append(printable(path)).append(": ");
    problems.push_back(text.append(problem));
  }
};

Result<StrictJson, std::string> StrictJson::load(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(path.string() + ": cannot be read: " + std::generic_category().message(errno));
  std::string text(kMaxSize + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.fail() && !in.eof())) return fail(path.string() + ": cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return parse(path.string(), text, path.parent_path());
}

Result<StrictJson, std::string> StrictJson::parse(std::string name, std::string_view text,
                                                  std::filesystem::path directory) {
  if (text.size() > kMaxSize) return fail(name + ": longer than 1 MiB");
  auto state = std::make_shared<State>();
  try {
    state->document = json::parse(text, DuplicateWatch{});
  } catch (const json::parse_error& error) {
    return fail(name + ": " + position(text, error.byte) + ": " + syntax_problem(error));
  } catch (const json::exception& error) {
    return fail(name + ": " + printable(error.what()));
  } catch (const Refused& refused) {
    return fail(name + ": " + refused.what());
  }
  if (!state->document.is_object()) return fail(name + ": expected an object, found " + type_of(state->document));
  state->name = std::move(name);
  state->directory = std::move(directory);
  return StrictJson(std::move(state));
}

StrictObject StrictJson::root() const {
  state_->asked.try_emplace(&state_->document);
  return {state_, &state_->document, ""};
}

Result<void, std::string> StrictJson::finish() const {
  std::vector<std::string> all = state_->problems, unknown;
  for (const auto& [object, asked] : state_->asked)
    for (const auto& [key, value] : object->items()) {
      if (asked.keys.contains(key)) continue;
      std::string known;
      for (const auto& k : asked.keys) known += (known.empty() ? "" : ", ") + k;
      unknown.push_back(state_->name + ": " + printable(asked.path + (asked.path.empty() ? "" : ".") + key) + ": unknown key (known: " +
                    known + ")");
    }
  std::ranges::sort(unknown);
  all.insert(all.end(), unknown.begin(), unknown.end());
  if (all.empty()) return {};
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), kMaxProblems); ++i) text += (i == 0 ? "" : "; ") + all[i];
  if (all.size() > kMaxProblems) text += "; and " + std::to_string(all.size() - kMaxProblems) + " more";
  return fail(std::move(text));
}

namespace {
std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : key.empty() ? path : path + "." + std::string(key);
}
const json& as_json(const void* value) { return *static_cast<const json*>(value); }
}  // namespace

bool StrictObject::has(std::string_view key) const {
  return value_ != nullptr && find(key, false) != nullptr;
}

const void* StrictObject::find(std::string_view key, bool required) const {
  if (value_ == nullptr) return nullptr;
  state_->asked[static_cast<const json*>(value_)].keys.emplace(key);
  const auto found = as_json(value_).find(key);
  if (found != as_json(value_).end()) return &*found;
  if (required) state_->note(join(path_, key), "is missing");
  return nullptr;
}

void StrictObject::reject(std::string_view key, std::string_view problem) const {
  if (value_ != nullptr) state_->note(join(path_, key), problem);
}

/// read(const json&, T& out) returns what was expected, or nothing if the value was taken.
template <class T, class Read>
T StrictObject::get(std::string_view key, bool required, T otherwise, Read read) const {
  const void* found = find(key, required);
  if (found == nullptr) return otherwise;
  T out{};
  if (const std::string expected = read(as_json(found), out); !expected.empty()) {
    state_->note(join(path_, key), "expected " + expected + ", found " + type_of(as_json(found)));
    return otherwise;
  }
  return out;
}

namespace {

auto read_text(std::size_t min, std::size_t max) {
  return [=](const json& value, auto& out) -> std::string {
    if (value.is_string()) {
      auto text = value.get<std::string>();
      const bool plain = std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
      if (plain && text.size() >= min && text.size() <= max) {
        out = std::move(text);
        return "";
      }
    }
    return "a string of " + range(min, max) + " characters, none of them a control character";
  };
}

auto read_integer(std::int64_t min, std::int64_t max) {
  return [=](const json& value, std::int64_t& out) -> std::string {
    const bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX}
                                                 : value.is_number_integer();
    if (fits) {
      out = value.get<std::int64_t>();
      if (out >= min && out <= max) return "";
    }
    return "a whole number of " + range(min, max);
  };
}

auto read_number(double min, double max) {
  return [=](const json& value, double& out) -> std::string {
    if (value.is_number()) {
      out = value.get<double>();
      if (std::isfinite(out) && out >= min && out <= max) return "";
    }
    return "a number of " + json(min).dump() + ".." + json(max).dump();
  };
}

std::string read_flag(const json& value, bool& out) {
  if (!value.is_boolean()) return "true or false";
  out = value.get<bool>();
  return "";
}

auto read_choice(std::span<const std::string_view> words) {
  return [=](const json& value, std::size_t& out) -> std::string {
    std::string expected = "one of";
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (value.is_string() && value.get_ref<const std::string&>() == words[i]) {
        out = i;
        return "";
      }
      expected += (i == 0 ? " \"" : ", \"") + std::string(words[i]) + "\"";
    }
    return expected;
  };
}

}  // namespace

std::string StrictObject::text(std::string_view key, std::size_t min, std::size_t max) const {
  return get<std::string>(key, true, {}, read_text(min, max));
}
std::string StrictObject::text_or(std::string_view key, std::string_view otherwise, std::size_t min,
                                  std::size_t max) const {
  return get<std::string>(key, false, std::string(otherwise), read_text(min, max));
}
std::optional<std::string> StrictObject::text_if(std::string_view key, std::size_t min, std::size_t max) const {
  return get<std::optional<std::string>>(key, false, {}, read_text(min, max));
}

std::int64_t StrictObject::integer(std::string_view key, std::int64_t min, std::int64_t max) const {
  return get<std::int64_t>(key, true, min, read_integer(min, max));
}
std::int64_t StrictObject::integer_or(std::string_view key, std::int64_t min, std::int64_t max,
                                      std::int64_t otherwise) const {
  return get<std::int64_t>(key, false, otherwise, read_integer(min, max));
}

double StrictObject::number(std::string_view key, double min, double max) const {
  return get<double>(key, true, min, read_number(min, max));
}
double StrictObject::number_or(std::string_view key, double min, double max, double otherwise) const {
  return get<double>(key, false, otherwise, read_number(min, max));
}

bool StrictObject::flag(std::string_view key) const { return get<bool>(key, true, false, read_flag); }
bool StrictObject::flag_or(std::string_view key, bool otherwise) const {
  return get<bool>(key, false, otherwise, read_flag);
}

std::size_t StrictObject::choice(std::string_view key, std::span<const std::string_view> words) const {
  return get<std::size_t>(key, true, 0, read_choice(words));
}
std::size_t StrictObject::choice_or(std::string_view key, std::span<const std::string_view> words,
                                    std::size_t otherwise) const {
  return get<std::size_t>(key, false, otherwise, read_choice(words));
}

Bytes StrictObject::hex(std::string_view key, std::size_t size) const {
  return get<Bytes>(key, true, Bytes(size), [=](const json& value, Bytes& out) -> std::string {
    if (value.is_string())
      if (auto raw = from_hex(value.get_ref<const std::string&>()); raw && raw->size() == size) {
        out = std::move(*raw);
        return "";
      }
    return std::to_string(2 * size) + " hexadecimal digits";
  });
}

HostPort StrictObject::host_port(std::string_view key) const {
  return get<HostPort>(key, true, {}, [](const json& value, HostPort& out) -> std::string {
    if (value.is_string())
      if (auto parsed = parse_host_port(value.get_ref<const std::string&>())) {
        out = std::move(*parsed);
        return "";
      }
    return "\"host:port\" (or \"[address]:port\" for IPv6)";
  });
}

std::filesystem::path StrictObject::file(std::string_view key) const {
  const std::string name = text(key);
  return name.empty() ? std::filesystem::path{} : state_->directory / name;
}
std::optional<std::filesystem::path> StrictObject::file_if(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return file(key);
}

StrictObject StrictObject::object(std::string_view key) const {
  const void* found = find(key, true);
  if (found != nullptr && !as_json(found).is_object()) {
    reject(key, "expected an object, found " + type_of(as_json(found)));
    found = nullptr;
  }
  const std::string path = join(path_, key);
  if (found != nullptr) state_->asked[static_cast<const json*>(found)].path = path;
  return {state_, found, path};
}
std::optional<StrictObject> StrictObject::object_if(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return object(key);
}

/// read(const json&, const std::string& path, Item& out) as in get().
template <class Item, class Read>
std::vector<Item> StrictObject::array(std::string_view key, std::size_t min, std::size_t max, Read read) const {
  std::vector<Item> out;
  const void* found = find(key, true);
  if (found == nullptr) return out;
  const json& value = as_json(found);
  if (!value.is_array() || value.size() < min || value.size() > max) {
    const std::string what = value.is_array() ? std::to_string(value.size()) + " entries" : type_of(value);
    reject(key, "expected an array of " + range(min, max) + " entries, found " + what);
    return out;
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string path = join(path_, key) + "[" + std::to_string(i) + "]";
    if (const std::string expected = read(value[i], path, out); !expected.empty())
      state_->note(path, "expected " + expected + ", found " + type_of(value[i]));
  }
  return out;
}

std::vector<StrictObject> StrictObject::objects(std::string_view key, std::size_t min, std::size_t max) const {
  return array<StrictObject>(key, min, max, [this](const json& value, const std::string& path, auto& out) -> std::string {
    if (!value.is_object()) return "an object";
    state_->asked[&value].path = path;
    out.push_back(StrictObject(state_, &value, path));
    return "";
  });
}

std::vector<std::string> StrictObject::texts(std::string_view key, std::size_t min, std::size_t max) const {
  return array<std::string>(key, min, max, [](const json& value, const std::string&, auto& out) {
    std::string text;
    auto expected = read_text(1, 4096)(value, text);
    if (expected.empty()) out.push_back(std::move(text));
    return expected;
  });
}

std::vector<std::int64_t> StrictObject::integers(std::string_view key, std::size_t min, std::size_t max,
                                                 std::int64_t least, std::int64_t greatest) const {
  return array<std::int64_t>(key, min, max, [=](const json& value, const std::string&, auto& out) {
    std::int64_t number = 0;
    auto expected = read_integer(least, greatest)(value, number);
    if (expected.empty()) out.push_back(number);
    return expected;
  });
}

std::vector<std::string> StrictObject::keys() const {
  std::vector<std::string> out;
  if (value_ != nullptr)
    for (const auto& [key, value] : as_json(value_).items()) out.push_back(key);
  return out;
}

}  // namespace quorate::net
