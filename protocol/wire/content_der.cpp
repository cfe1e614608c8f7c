#include "protocol/wire/content_der.h"

#include <algorithm>

namespace quorate::wire {
namespace {

bool equals(ByteView a, std::initializer_list<std::uint8_t> b) {
  return std::ranges::equal(a, b);
}

/// Whole input, and every part of it, is strict DER; the contents of its outermost SEQUENCE.
std::optional<der::Reader> sequence(ByteView content) {
  if (!der::valid(content)) return std::nullopt;
  const auto outer = der::only(content, der::kSequence);
  if (!outer) return std::nullopt;
  return der::Reader(outer->value);
}

// Strict encoding of everything below was checked once by sequence(); what follows checks the shapes.

bool is_algorithm(ByteView value) {
  der::Reader r(value);
  if (!r.next(der::kOid)) return false;
  if (!r.empty()) (void)r.next();
  return r.empty();
}

bool is_name(ByteView value) {
  for (der::Reader rdns(value); !rdns.empty();) {
    const auto rdn = rdns.next(der::kSet);
    if (!rdn || rdn->value.empty()) return false;
    for (der::Reader pairs(rdn->value); !pairs.empty();) {
      const auto pair = pairs.next(der::kSequence);
      if (!pair) return false;
      der::Reader r(pair->value);
      if (!r.next(der::kOid) || !r.next() || !r.empty()) return false;
    }
  }
  return true;
}

bool is_spki(ByteView value) {
  der::Reader r(value);
  const auto algorithm = r.next(der::kSequence);
  return algorithm && is_algorithm(algorithm->value) && r.next(der::kBitString) && r.empty();
}

bool take_time(der::Reader& r) {
  return r.peek() == der::kUtcTime ? r.next().has_value() : r.next(der::kGeneralizedTime).has_value();
}

/// Extensions ::= SEQUENCE SIZE (1..) OF { OID, BOOLEAN DEFAULT FALSE, OCTET STRING }, no OID twice.
template <class OnExtension>
bool walk_extensions(ByteView whole, OnExtension on_extension) {
  const auto list = der::only(whole, der::kSequence);
  if (!list || list->value.empty()) return false;
  std::vector<ByteView> seen;
  for (der::Reader items(list->value); !items.empty();) {
    const auto item = items.next(der::kSequence);
    if (!item) return false;
    der::Reader r(item->value);
    const auto oid = r.next(der::kOid);
    if (!oid) return false;
    if (std::ranges::any_of(seen, [&](ByteView s) { return std::ranges::equal(s, oid->value); })) return false;
    seen.push_back(oid->value);
    if (r.peek() == der::kBoolean) {
      const auto critical = r.next();
      if (!critical || critical->value[0] != 0xff) return false;
    }
    const auto value = r.next(der::kOctetString);
    if (!value || !r.empty() || !on_extension(oid->value, value->value)) return false;
  }
  return true;
}

/// Optional fields [1] issuerUniqueID and [2] subjectUniqueID: IMPLICIT BIT STRING.
void skip_unique_ids(der::Reader& r) {
  if (r.peek() == der::context(1)) (void)r.next();
  if (r.peek() == der::context(2)) (void)r.next();
}

bool is_single_response(ByteView value) {
  der::Reader r(value);
  const auto cert_id = r.next(der::kSequence);
  if (!cert_id) return false;
  der::Reader id(cert_id->value);
  const auto algorithm = id.next(der::kSequence);
  if (!algorithm || !is_algorithm(algorithm->value) || !id.next(der::kOctetString) ||
      !id.next(der::kOctetString) || !id.next(der::kInteger) || !id.empty())
    return false;
  switch (r.peek()) {
    case der::context(0):  // good
    case der::context(2):  // unknown
      if (!r.next()->value.empty()) return false;
      break;
    case der::context_constructed(1): {  // revoked: time and perhaps a reason
      der::Reader revoked(r.next()->value);
      if (!revoked.next(der::kGeneralizedTime)) return false;
      if (revoked.peek() == der::context_constructed(0)) (void)revoked.next();
      if (!revoked.empty()) return false;
      break;
    }
    default: return false;
  }
  if (!r.next(der::kGeneralizedTime)) return false;
  if (r.peek() == der::context_constructed(0) && !der::only(r.next()->value, der::kGeneralizedTime)) return false;
  if (r.peek() == der::context_constructed(1) &&
      !walk_extensions(r.next()->value, [](ByteView, ByteView) { return true; }))
    return false;
  return r.empty();
}

}  // namespace

std::optional<CertificationRequestInfo> parse_certification_request_info(ByteView content) {
  auto r = sequence(content);
  if (!r) return std::nullopt;
  const auto version = r->next(der::kInteger);
  if (!version || !equals(version->value, {0})) return std::nullopt;
  const auto subject = r->next(der::kSequence);
  if (!subject || !is_name(subject->value)) return std::nullopt;
  const auto spki = r->next(der::kSequence);
  if (!spki || !is_spki(spki->value)) return std::nullopt;
  const auto attributes = r->next(der::context_constructed(0));
  if (!attributes || !r->empty()) return std::nullopt;
  for (der::Reader items(attributes->value); !items.empty();) {
    const auto item = items.next(der::kSequence);
    if (!item) return std::nullopt;
    der::Reader attribute(item->value);
    if (!attribute.next(der::kOid)) return std::nullopt;
    const auto values = attribute.next(der::kSet);
    if (!values || values->value.empty() || !attribute.empty()) return std::nullopt;
  }
  return CertificationRequestInfo{spki->whole};
}

std::optional<TbsCertificate> parse_tbs_certificate(ByteView content) {
  auto r = sequence(content);
  if (!r) return std::nullopt;
  std::uint8_t version = 0;
  if (r->peek() == der::context_constructed(0)) {
    const auto number = der::only(r->next()->value, der::kInteger);
    if (!number || number->value.size() != 1 || number->value[0] < 1 || number->value[0] > 2) return std::nullopt;
    version = number->value[0];
  }
  if (!r->next(der::kInteger)) return std::nullopt;
  const auto algorithm = r->next(der::kSequence);
  if (!algorithm || !is_algorithm(algorithm->value)) return std::nullopt;
  const auto issuer = r->next(der::kSequence);
  if (!issuer || !is_name(issuer->value)) return std::nullopt;
  const auto validity = r->next(der::kSequence);
  if (!validity) return std::nullopt;
  der::Reader times(validity->value);
  if (!take_time(times) || !take_time(times) || !times.empty()) return std::nullopt;
  const auto subject = r->next(der::kSequence);
  if (!subject || !is_name(subject->value)) return std::nullopt;
  const auto spki = r->next(der::kSequence);
  if (!spki || !is_spki(spki->value)) return std::nullopt;
  if (version >= 1) skip_unique_ids(*r);

  TbsCertificate out{algorithm->whole, std::nullopt};
  if (version == 2 && r->peek() == der::context_constructed(3)) {
    const bool sound = walk_extensions(r->next()->value, [&](ByteView oid, ByteView value) {
      if (!equals(oid, {0x55, 0x1d, 0x23})) return true;  // 2.5.29.35 authorityKeyIdentifier
      if (!der::valid(value)) return false;
      const auto identifier = der::only(value, der::kSequence);
      if (!identifier) return false;
      der::Reader fields(identifier->value);
      if (const auto key = fields.next(der::context(0))) out.authority_key_id = key->value;
      return true;
    });
    if (!sound) return std::nullopt;
  }
  if (!r->empty()) return std::nullopt;
  return out;
}

std::optional<OcspResponseData> parse_ocsp_response_data(ByteView content) {
  auto r = sequence(content);
  if (!r) return std::nullopt;
  OcspResponseData out;
  if (r->peek() == der::context_constructed(1)) {
    const auto responder = der::only(r->next()->value, der::kSequence);
    if (!responder || !is_name(responder->value)) return std::nullopt;
  } else {
    const auto responder = r->next(der::context_constructed(2));
    if (!responder) return std::nullopt;
    const auto hash = der::only(responder->value, der::kOctetString);
    if (!hash || hash->value.size() != 20) return std::nullopt;
    out.key_hash = hash->value;
  }
  if (!r->next(der::kGeneralizedTime)) return std::nullopt;
  const auto responses = r->next(der::kSequence);
  if (!responses) return std::nullopt;
  for (der::Reader items(responses->value); !items.empty();) {
    const auto item = items.next(der::kSequence);
    if (!item || !is_single_response(item->value)) return std::nullopt;
  }
  if (r->peek() == der::context_constructed(1) &&
      !walk_extensions(r->next()->value, [](ByteView, ByteView) { return true; }))
    return std::nullopt;
  if (!r->empty()) return std::nullopt;
  return out;
}

bool looks_like_revocation_list(ByteView content) {
  auto r = sequence(content);
  if (!r) return false;
  if (r->peek() == der::kInteger) (void)r->next();
  const auto algorithm = r->next(der::kSequence);
  if (!algorithm || !is_algorithm(algorithm->value)) return false;
  const auto issuer = r->next(der::kSequence);
  return issuer && is_name(issuer->value) && take_time(*r);
}

ByteView public_key_bits(ByteView spki) {
  const auto outer = der::only(spki, der::kSequence);
  if (!outer) return {};
  der::Reader r(outer->value);
  if (!r.next(der::kSequence)) return {};
  const auto bits = r.next(der::kBitString);
  return bits && !bits->value.empty() ? bits->value.subspan(1) : ByteView{};
}

}  // namespace quorate::wire
