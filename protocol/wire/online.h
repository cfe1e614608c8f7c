#pragma once

#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/sign_error.h"
#include "protocol/group/scalar.h"
#include "protocol/hash/identity.h"

namespace quorate::wire {

/// Limits of the messages below; a message beyond them is malformed. Encoding one ends the process, so a
/// content that comes from outside is held against kMaxContent first.
inline constexpr std::size_t kMaxContent = 65536;  ///< bytes to be signed
inline constexpr std::size_t kMaxReason = 256;     ///< characters of a refusal's reason
inline constexpr std::size_t kMaxLease = 1024;     ///< presignatures in one lease
inline constexpr std::size_t kMaxKeys = 64;        ///< keys in one status
inline constexpr std::size_t kMaxPools = 256;      ///< quorums of one key in one status
inline constexpr std::size_t kMaxFrontend = 255;   ///< characters of the identity that a coordinator speaks for

enum class Role : std::uint8_t { Signer = 1, Frontend = 2, Coordinator = 3, Admin = 4 };

/// First message of both sides of every link.
struct Hello {
  std::uint8_t min_version = 1, max_version = 1;  ///< wire versions spoken
  Role role = Role::Signer;
  std::string cluster;
  PartyId signer = kNobody;              ///< role Signer only
  Digest instance;                       ///< random per process start; signers drop shared state when it changes
  std::vector<std::uint8_t> signature;   ///< signers: 64 bytes, identity key over the TLS exporter (EXPORTER-quorate-hello); others: empty
};

/// What the bytes to be signed are; the numbers are the wire's.
enum class Context : std::uint8_t {
  Tls13ServerCertificateVerify = 1,
  Tls12ServerKeyExchange = 2,
  Pkcs10CertificationRequest = 3,
  Tls13ClientCertificateVerify = 4,
  Tls12ClientCertificateVerify = 5,
  X509TbsCertificate = 6,
  OcspResponseData = 7,
};
enum class DigestAlgorithm : std::uint8_t { Sha256 = 1, Sha384 = 2, Sha512 = 3 };

struct PoolStatus {
  Quorum quorum;
  PartyId leader = kNobody;
  std::uint32_t available = 0;           ///< presignatures here that nobody leased
  std::uint32_t target = 0;
  std::uint32_t min = 0;                 ///< below this a pool does not make its key ready
};
struct KeyStatus {
  KeyId key;
  EpochId epoch;
  CurveId curve = CurveId::P256;
  std::uint8_t threshold = 0;
  std::vector<PartyId> members;
  std::vector<PoolStatus> pools;         ///< quorums this signer belongs to
};
struct StatusRequest {
  KeyId key;                             ///< zero: all keys the caller may use
};
struct StatusReply {
  PartyId signer = kNobody;
  Digest instance;
  std::vector<KeyStatus> keys;
  std::vector<PartyId> linked;           ///< signers it has a link to
  std::uint64_t quarantine = 0;          ///< version of its quarantine list, see QuarantineReply
};

/// To the leader of a quorum.
struct LeaseRequest {
  KeyId key;
  EpochId epoch;
  Quorum quorum;
  std::uint16_t count = 1;
};
struct LeaseReply {
  std::vector<PresignatureId> ids;       ///< may be fewer than asked for, or none
  std::uint32_t lifetime_ms = 0;
  std::uint32_t available = 0;           ///< left in the leader's pool
  std::uint64_t quarantine = 0;          ///< version of its quarantine list, see QuarantineReply
};
struct LeaseReturn {
  KeyId key;
  EpochId epoch;
  std::vector<PresignatureId> ids;
};

struct SignRequest {
  PresignatureId presignature;
  Quorum quorum;
  KeyId key;
  EpochId epoch;
  Context context{};
  DigestAlgorithm digest{};
  Bytes content;                         ///< whole, never a digest; 64 KiB at most
  std::uint32_t deadline_ms = 0;         ///< remaining
  std::uint16_t lease = 0;               ///< ids wanted with the reply (leader only)
  std::string frontend;                  ///< identity URI of who asked the coordinator, for the audit; or empty
};
struct SignReply {
  PresignatureId presignature;
  Scalar r;
  Digest record;                         ///< of (R, all K_j, C_j), SPEC 5.5
  Scalar s;                              ///< the partial signature
  LeaseReply lease;                      ///< renewal that rides along; empty unless asked for
};
struct Refusal {
  SignErrorCode code{};
  std::string reason;                    ///< coarse, for the caller's log; 256 bytes at most
};

}  // namespace quorate::wire
