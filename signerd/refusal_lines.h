#pragma once

#include <map>
#include <string>

#include "signerd/audit.h"
#include "signerd/pool.h"

namespace quorate::signerd {

/// How many refusals stand in the audit one by one: so many of an identity in a second. The rest of that second is
/// counted in one line, so that whoever is refused as fast as it can ask does not fill the disk.
class RefusalLines {
 public:
  static constexpr std::size_t kPerSecond = 32;

  /// audit outlives this.
  explicit RefusalLines(const Audit& audit) : audit_(audit) {}
  RefusalLines(const RefusalLines&) = delete;
  RefusalLines& operator=(const RefusalLines&) = delete;
  /// Counts a refusal of `who`. True: it gets a line of its own, which is the caller's to write.
  bool admits(const std::string& who, Clock::time_point now);
  /// Writes the counts of seconds that are over. Call it once a second or more often.
  void tick(Clock::time_point now);
  /// Writes all counts: the process stops.
  ~RefusalLines();

 private:
  struct Second {
    Clock::time_point began;
    std::size_t refused = 0;
  };
  void write(const std::string& who, const Second& second) const;

  const Audit& audit_;
  std::map<std::string, Second> seconds_;  ///< by identity; as many as there are certificates
};

}  // namespace quorate::signerd
