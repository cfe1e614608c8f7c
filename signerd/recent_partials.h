#pragma once

#include <deque>
#include <unordered_map>

#include "protocol/wire/online.h"
#include "signerd/pool.h"

namespace quorate::signerd {

/// What this signer answered lately, so that a fail-over repeats a partial instead of spending a second
/// presignature. A repetition must be identical in key, epoch, context, digest algorithm and content
/// (SPEC 6.2). Public values only: a partial signature is public once it is sent.
class RecentPartials {
 public:
  RecentPartials(std::size_t capacity, std::chrono::milliseconds lifetime) : capacity_(capacity), lifetime_(lifetime) {}

  struct Answer {
    Scalar r, s;
    Digest record;
  };
  /// The digest of everything that must be identical: Label::SignRequestDigest.
  static Digest fingerprint(CurveId curve, const wire::SignRequest& request);

  void remember(const PresignatureId& id, const Digest& fingerprint, Answer answer, Clock::time_point now);
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
  };
  std::size_t capacity_;
  std::chrono::milliseconds lifetime_;
  std::unordered_map<PresignatureId, Entry> entries_;
  std::deque<PresignatureId> order_;
};

}  // namespace quorate::signerd
