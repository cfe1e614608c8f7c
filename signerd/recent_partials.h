#pragma once

#include <map>
#include <set>
#include <unordered_map>

#include "protocol/wire/online.h"
#include "signerd/pool.h"

namespace quorate::signerd {

/// What this signer answered lately, so that a fail-over repeats a partial instead of spending a second
/// presignature. A repetition must be identical in key, epoch, context, digest algorithm and content
/// (SPEC 6.2). Public values only: a partial signature is public once it is sent. Entries are of one size, below
/// half a kilobyte: with `capacity` the memory is bounded, too. When it is full the eldest goes first.
class RecentPartials {
 public:
  explicit RecentPartials(std::size_t capacity) : capacity_(capacity) {}

  struct Answer {
    Scalar r, s;
    Digest record;
  };
  /// The digest of everything that must be identical: Label::SignRequestDigest.
  static Digest fingerprint(CurveId curve, const wire::SignRequest& request);

  void remember(const PresignatureId& id, const Digest& fingerprint, Answer answer, Clock::time_point now,
                std::chrono::milliseconds lifetime);
  /// The same answer again if the fingerprint is the same; nothing otherwise.
  [[nodiscard]] std::optional<Answer> find(const PresignatureId& id, const Digest& fingerprint,
                                           Clock::time_point now) const;
  void expire(Clock::time_point now);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Digest fingerprint;
    Answer answer;
    Clock::time_point ends;
    std::uint64_t number;
  };
  static_assert(sizeof(Entry) <= 512);
  void erase(const PresignatureId& id);

  std::size_t capacity_;
  std::uint64_t next_number_ = 0;
  std::unordered_map<PresignatureId, Entry> entries_;
  std::map<std::uint64_t, PresignatureId> by_age_;
  std::set<std::pair<Clock::time_point, PresignatureId>> by_end_;
};

}  // namespace quorate::signerd
