#pragma once

#include "protocol/tecdsa/presignature.h"
#include "protocol/wire/online.h"

namespace quorate::wire {

/// Asks a member of the quorum for the public part of one presignature, after a signature did not verify.
struct RecordRequest {
  PresignatureId presignature;
};

/// SPEC 5.5: everything that record_valid() needs beside the key. The request says which presignature.
struct RecordReply {
  Quorum quorum;
  EpochId epoch;
  KeyId key;
  Point R;
  std::vector<Point> K, C;   ///< one per member of the quorum, in its order
  std::vector<Row> rows;     ///< the same
};

/// Asks a signer to repeat its partial under its identity signature (SPEC 6.4).
struct ConfirmRequest {
  PresignatureId presignature;
  Quorum quorum;
  KeyId key;
  EpochId epoch;
  Context context{};
  DigestAlgorithm digest{};
  Bytes content;             ///< kMaxContent at most
};

struct ConfirmReply {
  Scalar s;
  Digest record;
  IdentitySignature signature{};
};

}  // namespace quorate::wire
