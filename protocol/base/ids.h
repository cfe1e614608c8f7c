#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"

namespace quorate {

/// A signer's number in its group, 1..16: also its Shamir evaluation point. 0 is nobody.
using PartyId = std::uint8_t;
inline constexpr PartyId kNobody = 0;
inline constexpr std::size_t kMaxParties = 16;
inline constexpr std::uint8_t kProtocolVersion = 1;

/// 32 opaque bytes of one kind. Tag keeps a session id from being passed as a key id.
template <class Tag>
struct Id {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Id&) const = default;
  [[nodiscard]] ByteView view() const { return bytes; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  /// The first 8 hexadecimal digits, for logs.
  [[nodiscard]] std::string brief() const { return to_hex(ByteView(bytes).first(4)); }
  [[nodiscard]] bool is_zero() const {
    return std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 0; });
  }
  /// Nothing unless exactly 32 bytes are given.
  static std::optional<Id> from(ByteView view) {
    if (view.size() != 32) return std::nullopt;
    Id id;
    std::copy(view.begin(), view.end(), id.bytes.begin());
    return id;
  }
  static std::optional<Id> from_hex(std::string_view text) {
    auto raw = quorate::from_hex(text);
    return raw ? from(*raw) : std::nullopt;
  }
};

using Digest = Id<struct DigestTag>;          ///< SHA-256 output of a Transcript
using SessionId = Id<struct SessionTag>;      ///< one run of one protocol
using CeremonyId = Id<struct CeremonyTag>;    ///< one attempt at keygen, chosen by whoever starts it
using EpochId = Id<struct EpochTag>;          ///< one sharing of one key (SPEC 1.5)
using KeyId = Id<struct KeyTag>;              ///< SHA-256 of the DER SubjectPublicKeyInfo
using SetupId = Id<struct SetupTag>;          ///< one pair set-up, both directions

/// sid of the batch and index in it.
struct PresignatureId {
  SessionId sid;
  std::uint32_t index = 0;
  auto operator<=>(const PresignatureId&) const = default;
  [[nodiscard]] std::string str() const { return sid.hex() + "/" + std::to_string(index); }
};

/// Exactly T distinct signer ids, ascending.
using Quorum = std::vector<PartyId>;
std::string to_string(const Quorum& quorum);  ///< "1,3"

template <class Tag>
struct IdHash {
  std::size_t operator()(const Id<Tag>& id) const {
    std::size_t h;
    std::memcpy(&h, id.bytes.data(), sizeof h);
    return h;
  }
};

}  // namespace quorate

template <class Tag>
struct std::hash<quorate::Id<Tag>> : quorate::IdHash<Tag> {};
template <>
struct std::hash<quorate::PresignatureId> {
  std::size_t operator()(const quorate::PresignatureId& id) const {
    return std::hash<quorate::SessionId>{}(id.sid) ^ (id.index * std::size_t{0x9e3779b97f4a7c15});
  }
};
