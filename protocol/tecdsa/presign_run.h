#pragma once

#include "protocol/tecdsa/presign.h"

namespace quorate {

/// State of one member's presigning run. Internal to presign*.cpp.
struct PresignRun {
  struct Peer {
    std::optional<ot::ReceiverOts> as_bob;     ///< until round 2 is checked
    std::vector<SecretScalar> c_u, c_v;        ///< my Alice outputs, per instance
    Digest commitment;                         ///< com_j
    std::vector<Bytes> R, pk;                  ///< encoded, per instance
  };
  struct Instance {
    SecretScalar r, phi, sk, v;
    Point R, pk;                               ///< own
    Scalar u;                                  ///< own
    Point R_sum;
    Scalar r_x;                                ///< x(R) mod n
  };

  PresignInputs inputs;
  const Curve* curve = nullptr;
  SessionId sid;
  Binding binding;
  PartyId me = kNobody;
  std::vector<PartyId> others;
  std::array<std::uint8_t, 32> opening{};
  Digest commitment;
  Secret<std::array<std::uint8_t, 32>> weight_seed;  ///< of the Gamma checks' weights; nobody else knows it
  std::vector<Bytes> R, pk;                    ///< own, encoded
  std::vector<Instance> instances;
  std::map<PartyId, Peer> peers;
  std::vector<Bytes> R_sum;                    ///< encoded
  std::vector<Point> K, C;                     ///< own, from round 3 on
  std::vector<SecretScalar> k, chi;
  Row row;                                     ///< own

  [[nodiscard]] std::uint32_t batch() const { return inputs.plan.batch; }
  [[nodiscard]] Abort dispute(Fault fault, PartyId with, std::string detail) const {
    return Abort{fault, Blame::pair(me, with), std::move(detail)};
  }
  [[nodiscard]] static Abort against_quorum(Fault fault, std::string detail) {
    return Abort{fault, Blame::quorum(), std::move(detail)};
  }
};

}  // namespace quorate
