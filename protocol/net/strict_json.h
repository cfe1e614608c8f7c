#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace quorate::net {

class StrictObject;

/// "192.0.2.1:7401", "[2001:db8::1]:7401" or "signer-1.example:7401" taken apart, without the brackets.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};
/// Nothing unless host and a port of 1..65535 are there. Whether the host exists is not asked.
std::optional<HostPort> parse_host_port(std::string_view text);

/// A configuration file in JSON that is held to its schema: what is missing, unknown, given twice, of the
/// wrong type or out of range is an error that names the file, the path of the key and what was expected.
///
/// The reader asks for everything it knows and calls finish() once at the end. Getters do not fail on the
/// way: they note the problem and return an empty value, so that one run reports all problems.
class StrictJson {
 public:
  /// Longest file that is read.
  static constexpr std::size_t kMaxSize = 1 << 20;

  /// Fails with a reason if the file cannot be read, is no JSON (with line and column), has a key twice in
  /// one object, nests deeper than 32 levels, or is not an object.
  static Result<StrictJson, std::string> load(const std::filesystem::path& path);
  /// `name` stands for the file in messages; relative file names are relative to `directory`.
  static Result<StrictJson, std::string> parse(std::string name, std::string_view text,
                                               std::filesystem::path directory = {});

  [[nodiscard]] StrictObject root() const;
  /// All problems in one line, keys nobody asked for among them.
  [[nodiscard]] Result<void, std::string> finish() const;

  struct State;

 private:
  explicit StrictJson(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// One object of the file. Cheap to copy; keeps the file alive.
/// Plain getters want the key to be there; `_or` and `_if` do not.
class StrictObject {
 public:
  [[nodiscard]] bool has(std::string_view key) const;

  /// A string of min..max bytes without control characters.
  std::string text(std::string_view key, std::size_t min = 1, std::size_t max = 4096) const;
  std::string text_or(std::string_view key, std::string_view otherwise, std::size_t min = 1,
                      std::size_t max = 4096) const;
  std::optional<std::string> text_if(std::string_view key, std::size_t min = 1, std::size_t max = 4096) const;
  /// A whole number of min..max; 2.0 is none.
  std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max) const;
  std::int64_t integer_or(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t otherwise) const;
  /// A number of min..max.
  double number(std::string_view key, double min, double max) const;
  double number_or(std::string_view key, double min, double max, double otherwise) const;
  bool flag(std::string_view key) const;
  bool flag_or(std::string_view key, bool otherwise) const;
  /// One of a few words; its index.
  std::size_t choice(std::string_view key, std::span<const std::string_view> words) const;
  std::size_t choice_or(std::string_view key, std::span<const std::string_view> words, std::size_t otherwise) const;
  /// Hexadecimal text of exactly `size` bytes.
  Bytes hex(std::string_view key, std::size_t size) const;
  /// See parse_host_port().
  HostPort host_port(std::string_view key) const;
  /// A file name, relative to the directory of the configuration file.
  std::filesystem::path file(std::string_view key) const;
  std::optional<std::filesystem::path> file_if(std::string_view key) const;

  StrictObject object(std::string_view key) const;
  std::optional<StrictObject> object_if(std::string_view key) const;
  /// An array of min..max objects, strings or whole numbers.
  std::vector<StrictObject> objects(std::string_view key, std::size_t min, std::size_t max) const;
  std::vector<std::string> texts(std::string_view key, std::size_t min, std::size_t max) const;
  std::vector<std::int64_t> integers(std::string_view key, std::size_t min, std::size_t max, std::int64_t least,
                                     std::int64_t greatest) const;
  /// For objects whose keys are names: all of them, in the file's sorted order.
  [[nodiscard]] std::vector<std::string> keys() const;

  /// Notes a problem that the reader found in the value of this key (of the object itself if it is empty).
  void reject(std::string_view key, std::string_view problem) const;

 private:
  friend class StrictJson;
  StrictObject(std::shared_ptr<StrictJson::State> state, const void* value, std::string path)
      : state_(std::move(state)), value_(value), path_(std::move(path)) {}

  template <class T, class Read>
  T get(std::string_view key, bool required, T otherwise, Read read) const;
  template <class Item, class Read>
  std::vector<Item> array(std::string_view key, std::size_t min, std::size_t max, Read read) const;
  const void* find(std::string_view key, bool required) const;

  std::shared_ptr<StrictJson::State> state_;
  const void* value_;  ///< a JSON object; nullptr where it was missing, which was noted already
  std::string path_;
};

}  // namespace quorate::net
