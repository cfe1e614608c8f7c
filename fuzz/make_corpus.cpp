// Writes the seeds of all corpora: make_corpus DIRECTORY. The same bytes at every run.

#include <filesystem>
#include <fstream>
#include <iostream>

#include "fuzz/wire_samples.h"
#include "protocol/tecdsa/key_share.h"
#include "protocol/wire/blame_codec.h"
#include "protocol/wire/content.h"
#include "protocol/wire/der.h"
#include "protocol/wire/frame.h"
#include "test/sim/dealt_batch.h"
#if defined(QUORATE_KEY_FILE)
#include "provider/key_file.h"
#endif

namespace quorate {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, ByteView bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
  if (!out) {
    std::cerr << "make_corpus: cannot write " << path << "\n";
    std::exit(1);
  }
}

std::string_view tag(const Curve& curve) {
  return curve.is_toy() ? "toy" : curve.id() == CurveId::P384 ? "p384" : "p256";
}

/// Two of every type on P-256 and the toy curve, one on P-384; the long ones on the toy curve only.
void wire_seeds(const fs::path& folder) {
  for (const auto type : wire::all_message_types())
    for (const auto* curve : {&Curve::p256(), &Curve::p384(), &Curve::toy()})
      for (std::uint64_t seed = 0; seed < (curve->id() == CurveId::P384 ? 1 : 2); ++seed) {
        sim::SeededRng rng(seed, wire::name(type));
        const auto payload = wire::sample::payload(type, *curve, rng);
        if (payload.size() > 4000 && !curve->is_toy()) break;
        if (payload.size() > 4000 && seed > 0) break;
        Bytes input{wire::sample::selector({type, curve})};
        append(input, payload);
        const auto name = std::string(wire::name(type)) + "-" + std::string(tag(*curve)) + "-";
        write(folder / (name + std::to_string(seed)), input);
      }
  sim::SeededRng rng(0, "frame");
  Bytes frame{255};
  append(frame, wire::encode_frame_header({wire::MessageType::SignRequest, 300, rng.make_id<SessionId>()}));
  write(folder / "frame", frame);
}

void evidence_seeds(const fs::path& folder) {
  for (const auto* curve : {&Curve::p256(), &Curve::toy()})
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      sim::SeededRng rng(seed, "evidence");
      auto evidence = wire::sample::make<KeygenEvidence>(*curve, rng);
      const std::array bodies = {
          encode_body(wire::sample::make<KeygenMsg1>(*curve, rng)),
          encode_body(wire::sample::make<KeygenMsg2>(*curve, rng)),
          encode_body(wire::sample::make<KeygenMsg3>(*curve, rng)),
          encode_body(wire::sample::make<KeygenMsg4>(*curve, rng)),
      };
      for (std::size_t i = 0; i < bodies.size(); ++i) evidence.statements[i].body = bodies[i];
      write(folder / (std::string(tag(*curve)) + "-" + std::to_string(seed)), wire::encode_evidence(evidence));
    }
}

void blame_seeds(const fs::path& folder) {
  for (const auto* curve : {&Curve::p256(), &Curve::toy()}) {
    sim::SeededRng rng(1, "blame");
    auto group = sim::deal_key(*curve, 3, 2, rng);
    sim::confirm_epoch(group);
    const auto batch = sim::deal_batch(group, {1, 2}, 2, rng);
    Row other = batch.rows.at(2);
    other.u_digest.bytes[0] ^= 1;
    DisputesEvidence disputes{group.info(), 2, {}};
    for (PartyId id : {PartyId{1}, PartyId{3}}) disputes.statements.push_back(sim::sign_dispute(group, disputes.info.epoch, id, 2));
    const BlameEvidence kinds[] = {
        BadPartialEvidence{batch.context, batch.rows.at(2), 1, batch.R[1], batch.K.at(2)[1], batch.C.at(2)[1],
                           sim::sign_partial(batch.context, 2, 1, group.identities.at(2), Digest{}, 1, MessageDigest::Sha256,
                                             Bytes{'x'}, Scalar(*curve, 1))},
        RowContradiction{batch.context, batch.rows.at(2), other}, disputes};
    for (const auto& evidence : kinds)
      write(folder / (std::string(kind_of(evidence)) + "-" + std::string(tag(*curve))), wire::encode_blame(evidence));
  }
}

Bytes der_of(std::string_view hex) { return *from_hex(hex); }

void content_seeds(const fs::path& folder) {
  using der::encode;
  const auto handshake = [&](std::string_view side, std::size_t hash_size) {
    Bytes out(64, 0x20);
    append(out, as_bytes("TLS 1.3, " + std::string(side) + " CertificateVerify"));
    out.push_back(0);
    out.resize(out.size() + hash_size, 0x5a);
    return out;
  };
  write(folder / "tls13-server-32", handshake("server", 32));
  write(folder / "tls13-server-48", handshake("server", 48));
  write(folder / "tls13-client-32", handshake("client", 32));

  Bytes exchange(64, 0x77);
  append(exchange, der_of("03" "0017" "41"));
  append(exchange, Point::generator(Curve::p256()).encode());
  write(folder / "tls12-server", exchange);

  const auto spki = spki_der(Point::generator(Curve::p256()));
  const auto common_name = encode(der::kSequence, {der_of("0603550403"), encode(der::kUtf8String, as_bytes("a.test"))});
  const auto subject = encode(der::kSequence, encode(der::kSet, common_name));
  const auto zero = der_of("020100");
  write(folder / "pkcs10",
        encode(der::kSequence, {zero, subject, spki, encode(der::context_constructed(0), Bytes{})}));

  const auto ecdsa_sha256 = encode(der::kSequence, der_of("06082a8648ce3d040302"));
  const auto time = [](std::string_view text) { return encode(der::kUtcTime, as_bytes(text)); };
  const auto validity = encode(der::kSequence, {time("250101000000Z"), time("260101000000Z")});
  write(folder / "x509", encode(der::kSequence, {encode(der::context_constructed(0), der_of("020102")), der_of("020101"),
                                                 ecdsa_sha256, subject, validity, subject, spki}));

  const auto produced = encode(der::kGeneralizedTime, as_bytes("20250101000000Z"));
  const auto sha1 = encode(der::kSequence, der_of("06052b0e03021a"));
  const Bytes hash(20, 0x33);
  const auto certificate = encode(der::kSequence, {sha1, encode(der::kOctetString, hash),
                                                   encode(der::kOctetString, hash), der_of("020105")});
  const auto single = encode(der::kSequence, {certificate, der_of("8000"), produced});
  const auto by_key = encode(der::context_constructed(2), encode(der::kOctetString, hash));
  write(folder / "ocsp", encode(der::kSequence, {by_key, produced, encode(der::kSequence, single)}));
}

/// Every protocol without edits, and with one of each kind in each of the first messages of signer 1.
void session_seeds(const fs::path& folder) {
  for (std::uint8_t protocol = 0; protocol < 3; ++protocol) {
    const auto name = std::to_string(protocol);
    write(folder / name, Bytes{protocol});
    for (std::uint8_t kind = 0; kind < 10; ++kind)
      for (const unsigned message : {0u, 1u, 5u, 9u}) {
        const auto number = static_cast<std::uint8_t>(message);
        write(folder / (name + "-" + std::to_string(kind) + "-" + std::to_string(number)),
              Bytes{protocol, number, kind, 0, 40, 1});
      }
  }
}

#if defined(QUORATE_KEY_FILE)
void key_file_seeds(const fs::path& folder) {
  for (const auto* curve : {&Curve::p256(), &Curve::p384()}) {
    const auto file = make_key_file(Point::generator(*curve), "cluster-1");
    write(folder / (std::string(tag(*curve)) + ".der"), encode_key_file_der(file));
    write(folder / (std::string(tag(*curve)) + ".pem"), as_bytes(encode_key_file_pem(file)));
  }
}
#endif

}  // namespace
}  // namespace quorate

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_corpus DIRECTORY\n";
    return 2;
  }
  const quorate::fs::path folder = argv[1];
  quorate::Curve::allow_toy();
  quorate::wire_seeds(folder / "wire");
  quorate::evidence_seeds(folder / "evidence");
  quorate::blame_seeds(folder / "evidence");
  quorate::content_seeds(folder / "content");
  quorate::session_seeds(folder / "session");
#if defined(QUORATE_KEY_FILE)
  quorate::key_file_seeds(folder / "keyfile");
#endif
  return 0;
}
