#include <gtest/gtest.h>

#include "fuzz/wire_samples.h"

namespace quorate::wire {
namespace {

// Bytes that must never change within a wire version. Written down from WIRE.md, field by field.

template <class IdType>
IdType filled(std::uint8_t with) {
  IdType out;
  out.bytes.fill(with);
  return out;
}
std::string times(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}
std::string id_hex(std::string_view byte) { return times(byte, 32); }

const std::string kGenerator256 =
    "04"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

template <class T>
void expect_bytes(const T& message, const std::string& expected) {
  EXPECT_EQ(to_hex(encode(message)), expected);
  const auto recoded = sample::recode(kTypeOf<T>, Curve::p256(), *from_hex(expected));
  ASSERT_TRUE(recoded) << recoded.error().what();
  EXPECT_EQ(to_hex(*recoded), expected);
}

TEST(WireGolden, HelloOfASigner) {
  Hello hello;
  hello.max_version = 2;
  hello.cluster = "prod-1";
  hello.signer = 3;
  hello.instance = filled<Digest>(0x11);
  hello.signature.assign(64, 0x22);
  expect_bytes(hello, "01" "02" "01" "06" "70726f642d31" "03" + id_hex("11") + times("22", 64));
}

TEST(WireGolden, HelloOfACoordinator) {
  Hello hello;
  hello.role = Role::Coordinator;
  hello.cluster = "c";
  hello.instance = filled<Digest>(0x11);
  expect_bytes(hello, "01" "01" "03" "01" "63" + id_hex("11"));
}

TEST(WireGolden, SetupOpen) {
  SetupOpen open{CurveId::P256, filled<KeyId>(0x01), filled<EpochId>(0x02),
                 {filled<Digest>(0x03), Point::generator(Curve::p256())}};
  expect_bytes(open, "01" + id_hex("01") + id_hex("02") + id_hex("03") + kGenerator256);
  expect_bytes(open.message, id_hex("03") + kGenerator256);
}

TEST(WireGolden, SetupReady) {
  expect_bytes(SetupReady{filled<EpochId>(0x01), 16, filled<SetupId>(0x02)}, id_hex("01") + "10" + id_hex("02"));
}

TEST(WireGolden, KeygenRounds) {
  KeygenMsg1 first{filled<Digest>(0x01), filled<Digest>(0x02), {}};
  first.signature.fill(0x03);
  expect_bytes(first, id_hex("01") + id_hex("02") + times("03", 64));

  const auto one = times("00", 31) + "01";
  KeygenMsg2 second;
  second.echo = filled<Digest>(0x04);
  second.coefficients = {Point::generator(Curve::p256())};
  second.opening.fill(0x05);
  second.proofs = {{Point::generator(Curve::p256()), Scalar(Curve::p256(), 1)}};
  second.signature.fill(0x06);
  expect_bytes(second, id_hex("04") + "01" + kGenerator256 + id_hex("05") + "01" + kGenerator256 + one +
                           times("06", 64));

  KeygenMsg3 third;
  third.echo = filled<Digest>(0x07);
  third.share = *from_hex(times("ff", 32));  // not below the order: the round's business
  third.signature.fill(0x08);
  expect_bytes(third, id_hex("07") + times("ff", 32) + times("08", 64));

  KeygenMsg4 fourth{Point::generator(Curve::p256()), Point::generator(Curve::p256()), second.proofs[0], {}};
  fourth.signature.fill(0x09);
  expect_bytes(fourth, kGenerator256 + kGenerator256 + kGenerator256 + one + times("09", 64));

  KeygenMsg5 fifth;
  fifth.confirmation.fill(0x0a);
  expect_bytes(fifth, times("0a", 64));
}

TEST(WireGolden, KeygenEvidence) {
  KeygenStatements statements;
  statements.seen.resize(2);
  statements.seen[0].round = 1;
  statements.seen[0].sender = 2;
  statements.seen[0].body = {0xaa, 0xbb};
  statements.seen[0].signature.fill(0x01);
  statements.seen[1].round = 2;
  statements.seen[1].sender = 1;
  expect_bytes(statements, "02" "01" "02" "00" "0002" "aabb" + times("01", 64) + "02" "01" "00" "0000" +
                               times("00", 64));
}

TEST(WireGolden, PresignStart) {
  PresignPlan plan;
  plan.key = filled<KeyId>(0x01);
  plan.epoch = filled<EpochId>(0x02);
  plan.quorum = {1, 3, 4};
  plan.batch = 64;
  plan.tree_depth = 4;
  plan.batch_number = 0x0102030405060708;
  plan.leader_nonce = filled<Digest>(0x03);
  plan.setups = {filled<SetupId>(0x04), filled<SetupId>(0x05), filled<SetupId>(0x06)};
  expect_bytes(plan, "01" + id_hex("01") + id_hex("02") + "03" "010304" "00000040" "04" "0102030405060708" +
                         id_hex("03") + id_hex("04") + id_hex("05") + id_hex("06"));
}

TEST(WireGolden, PresignRound3) {
  PresignMsg3 message{filled<Digest>(0x01), {Scalar(Curve::p256(), 2), Scalar(Curve::p256(), 3)}};
  expect_bytes(message, id_hex("01") + "0002" + times("00", 31) + "02" + times("00", 31) + "03");
}

TEST(WireGolden, PresignRound4) {
  PresignMsg4 message;
  message.K = {Point::generator(Curve::p256())};
  message.C = message.K;
  message.row.signer = 9;
  message.row.nonce_digest = filled<Digest>(0x01);
  message.row.u_digest = filled<Digest>(0x02);
  message.row.records = {filled<Digest>(0x03)};
  message.row.signature.fill(0x04);
  expect_bytes(message, "0001" + kGenerator256 + "0001" + kGenerator256 + "09" + id_hex("01") + id_hex("02") +
                            "0001" + id_hex("03") + times("04", 64));
}

TEST(WireGolden, PresignRetireAndPooled) {
  expect_bytes(PresignRetire{{1, 255}}, "00000002" "00000001" "000000ff");
  expect_bytes(PresignPooled{}, "");
}

TEST(WireGolden, Status) {
  expect_bytes(StatusRequest{filled<KeyId>(0x01)}, id_hex("01"));
  StatusReply reply;
  reply.signer = 2;
  reply.instance = filled<Digest>(0x01);
  reply.keys = {{filled<KeyId>(0x02), filled<EpochId>(0x03), CurveId::P384, 2, {1, 2, 3}, {{{1, 2}, 2, 10, 500}}}};
  reply.linked = {1};
  expect_bytes(reply, "02" + id_hex("01") + "01" + id_hex("02") + id_hex("03") +
                          "02" "02" "03" "010203" "0001" "02" "0102" "02" "0000000a" "000001f4" "01" "01");
}

TEST(WireGolden, Leases) {
  const PresignatureId first{filled<SessionId>(0x05), 7};
  const auto first_hex = id_hex("05") + "00000007";
  expect_bytes(LeaseRequest{filled<KeyId>(0x01), filled<EpochId>(0x02), {1, 16}, 300},
               id_hex("01") + id_hex("02") + "02" "0110" "012c");
  expect_bytes(LeaseReply{{first}, 5000, 6}, "0001" + first_hex + "00001388" "00000006");
  expect_bytes(LeaseReturn{filled<KeyId>(0x01), filled<EpochId>(0x02), {first}},
               id_hex("01") + id_hex("02") + "0001" + first_hex);
}

TEST(WireGolden, Sign) {
  const PresignatureId id{filled<SessionId>(0x05), 7};
  const auto id_and_index = id_hex("05") + "00000007";
  const SignRequest request{id, {1, 2}, filled<KeyId>(0x01), filled<EpochId>(0x02),
                            Context::Tls13ServerCertificateVerify, DigestAlgorithm::Sha256, {0x20, 0x21}, 200, 3};
  const auto same_part = id_and_index + "02" "0102" + id_hex("01") + id_hex("02") + "01" "01" "00000002" "2021";
  expect_bytes(request, same_part + "000000c8" "0003");
  expect_bytes(SignReply{id, Scalar(Curve::p256(), 1), filled<Digest>(0x03), Scalar(Curve::p256(), 2), {{}, 0, 0}},
               id_and_index + times("00", 31) + "01" + id_hex("03") + times("00", 31) + "02" "0000" "00000000"
               "00000000");
  expect_bytes(Refusal{SignErrorCode::PresignatureConsumed, "used"}, "07" "0004" "75736564");

  expect_bytes(RecordRequest{id}, id_and_index);
  expect_bytes(ConfirmRequest{id, {1, 2}, filled<KeyId>(0x01), filled<EpochId>(0x02),
                              Context::Tls13ServerCertificateVerify, DigestAlgorithm::Sha256, {0x20, 0x21}},
               same_part);
  ConfirmReply confirm{Scalar(Curve::p256(), 1), filled<Digest>(0x03), {}};
  confirm.signature.fill(0x04);
  expect_bytes(confirm, times("00", 31) + "01" + id_hex("03") + times("04", 64));
}

TEST(WireGolden, RecordReply) {
  RecordReply reply;
  reply.quorum = {1, 2};
  reply.epoch = filled<EpochId>(0x01);
  reply.key = filled<KeyId>(0x02);
  reply.R = Point::generator(Curve::p256());
  reply.K = {reply.R, reply.R};
  reply.C = reply.K;
  reply.rows.resize(2);
  std::string rows;
  for (std::size_t i = 0; i < 2; ++i) {
    reply.rows[i].signer = reply.quorum[i];
    reply.rows[i].records = {filled<Digest>(0x03)};
    rows += (i == 0 ? "01" : "02") + id_hex("00") + id_hex("00") + "0001" + id_hex("03") + times("00", 64);
  }
  expect_bytes(reply, "02" "0102" + id_hex("01") + id_hex("02") + times(kGenerator256, 5) + rows);
}

TEST(WireGolden, Administration) {
  expect_bytes(KeygenRequest{filled<CeremonyId>(0x01), CurveId::P256, 2, "www", filled<Digest>(0x02), {1, 2, 3}},
               id_hex("01") + "01" "02" "03" "777777" + id_hex("02") + "03" "010203");
  expect_bytes(KeygenProgress{3, "ok"}, "03" "0002" "6f6b");
  KeygenResult failed;
  failed.fault = Fault::BadShare;
  failed.blame = Blame::on(2);
  failed.detail = "no";
  failed.evidence = {0xee};
  expect_bytes(failed, "00" "07" "010200" "0002" "6e6f" "00000001" "ee");

  KeygenResult good;
  good.ok = true;
  auto& info = good.info;
  info.curve = &Curve::p256();
  info.name = "www";
  info.key = filled<KeyId>(0x01);
  info.epoch = filled<EpochId>(0x02);
  info.previous = filled<EpochId>(0x03);
  info.ceremony = filled<CeremonyId>(0x04);
  info.sid = filled<SessionId>(0x05);
  info.threshold = 2;
  info.X = Point::generator(Curve::p256());
  std::string members;
  for (PartyId id = 1; id <= 2; ++id) {
    info.members.push_back({id, filled<IdentityPublicKey>(0x06)});
    info.share_points[id] = info.X;
    info.confirmations[id].fill(0x07);
    members += (id == 1 ? "01" : "02") + id_hex("06") + kGenerator256 + times("07", 64);
  }
  good.spki = {0x30};
  expect_bytes(good, "01" "01" "03" "777777" + id_hex("01") + id_hex("02") + id_hex("03") + id_hex("04") +
                         id_hex("05") + "02" "02" + members + kGenerator256 + "0001" "30");
}

TEST(WireGolden, ContradictionsAreRejected) {
  auto reason = [](MessageType type, const std::string& payload) {
    return sample::recode(type, Curve::p256(), *from_hex(payload)).error().reason;
  };
  // Hello: least version above the greatest; version 0; no such role
  EXPECT_EQ(reason(MessageType::Hello, "02" "01" "03" "01" "63" + id_hex("11")), Reason::Mismatch);
  EXPECT_EQ(reason(MessageType::Hello, "00" "01" "03" "01" "63" + id_hex("11")), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::Hello, "01" "01" "05" "01" "63" + id_hex("11")), Reason::UnknownValue);
  // KeygenRequest: threshold above the number of members
  EXPECT_EQ(reason(MessageType::KeygenRequest, id_hex("01") + "01" "04" "03" "777777" + id_hex("02") + "03" "010203"),
            Reason::Mismatch);
  // KeygenResult: nobody is to blame and yet there is a party; a pair without the other one
  EXPECT_EQ(reason(MessageType::KeygenResult, "00" "07" "000200" "0000" "00000000"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::KeygenResult, "00" "07" "020200" "0000" "00000000"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::KeygenResult, "00" "07" "040000" "0000" "00000000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::KeygenResult, "00" "14" "000000" "0000" "00000000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::KeygenResult, "02" "07" "000000" "0000" "00000000"), Reason::OutOfRange);
  // PresignRetire: not ascending, twice the same, beyond a batch, none
  EXPECT_EQ(reason(MessageType::PresignRetire, "00000002" "00000002" "00000001"), Reason::NotAscending);
  EXPECT_EQ(reason(MessageType::PresignRetire, "00000002" "00000001" "00000001"), Reason::NotAscending);
  EXPECT_EQ(reason(MessageType::PresignRetire, "00000001" "00000100"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::PresignRetire, "00000000"), Reason::TooShort);
  // KeygenEvidence: a round-3 statement is secret, a broadcast has no receiver, order
  const auto signature = times("01", 64);
  EXPECT_EQ(reason(MessageType::KeygenEvidence, "01" "03" "01" "00" "0000" + signature), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::KeygenEvidence, "01" "01" "01" "02" "0000" + signature), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::KeygenEvidence,
                   "02" "01" "02" "00" "0000" + signature + "01" "02" "00" "0000" + signature),
            Reason::NotAscending);
  // Sign: no such context, digest, refusal code
  const auto head = id_hex("05") + "00000007" "02" "0102" + id_hex("01") + id_hex("02");
  EXPECT_EQ(reason(MessageType::ConfirmRequest, head + "00" "01" "00000000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::ConfirmRequest, head + "08" "01" "00000000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::ConfirmRequest, head + "01" "04" "00000000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::ConfirmRequest, head + "01" "01" "00010001"), Reason::TooLong);
  EXPECT_EQ(reason(MessageType::SignRequest, head + "01" "01" "00000000" "00000000" "0401"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::Refusal, "00" "0000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::Refusal, "0a" "0000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::Refusal, "01" "0101"), Reason::TooLong);
  EXPECT_EQ(reason(MessageType::LeaseRequest, id_hex("01") + id_hex("02") + "02" "0102" "0000"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::LeaseReply, "0401"), Reason::TooLong);
  // PresignStart: batch 0 and 257
  const auto plan = "01" + id_hex("01") + id_hex("02") + "02" "0102";
  EXPECT_EQ(reason(MessageType::PresignStart, plan + "00000000"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::PresignStart, plan + "00000101"), Reason::OutOfRange);
}

TEST(WireGolden, RowsOfARecordStandInTheOrderOfTheQuorum) {
  RecordReply reply;
  reply.quorum = {1, 2};
  reply.R = Point::generator(Curve::p256());
  reply.K = reply.C = {reply.R, reply.R};
  reply.rows.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    reply.rows[i].signer = reply.quorum[i];
    reply.rows[i].records.resize(1);
  }
  auto payload = encode(reply);
  const std::size_t row_size = kLeastRow;
  payload[payload.size() - row_size] = 3;
  EXPECT_EQ(decode<RecordReply>(payload, Curve::p256()).error(), (WireError{"RecordReply.rows", Reason::Mismatch}));
}

}  // namespace
}  // namespace quorate::wire
