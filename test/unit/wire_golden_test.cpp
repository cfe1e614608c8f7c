#include <gtest/gtest.h>

#include <set>

#include "test/unit/wire_hex.h"

namespace quorate::wire {
namespace {

// Bytes that must never change within a wire version. Written down from WIRE.md, field by field.

/// k G for k = 1, 2, 3, 4, so that no two fields of a message hold the same point.
const std::string kMultiples256[] = {
    kGenerator256,
    "04"
    "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978"
    "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1",
    "04"
    "5ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c"
    "8734640c4998ff7e374b06ce1a64a2ecd82ab036384fb83d9a79b127a27d5032",
    "04"
    "e2534a3532d08fbba02dde659ee62bd0031fe2db785596ef509302446b030852"
    "e0f1575a4c633cc719dfee5fda862d764efc96c3f30ee0055c42c23f184ed8c6"};
Point multiple(std::size_t k) { return Point::mul_base(Scalar(Curve::p256(), k)); }
std::string multiple_hex(std::size_t k) { return kMultiples256[k - 1]; }
std::string scalar_hex(std::string_view last_byte) { return times("00", 31) + std::string(last_byte); }

/// The types whose bytes have been compared.
std::set<MessageType>& covered() {
  static std::set<MessageType> types;
  return types;
}

void expect_payload(MessageType type, const Bytes& payload, const std::string& expected) {
  covered().insert(type);
  EXPECT_EQ(to_hex(payload), expected) << name(type);
  const auto recoded = sample::recode(type, Curve::p256(), *from_hex(expected));
  ASSERT_TRUE(recoded) << name(type) << ": " << recoded.error().what();
  EXPECT_EQ(to_hex(*recoded), expected) << name(type);
}
template <class T>
void expect_bytes(const T& message, const std::string& expected) {
  expect_payload(kTypeOf<T>, encode(message), expected);
}

void hello_of_a_signer() {
  Hello hello;
  hello.max_version = 2;
  hello.cluster = "prod-1";
  hello.signer = 3;
  hello.instance = filled<Digest>(0x11);
  hello.signature.assign(64, 0x22);
  expect_bytes(hello, "01" "02" "01" "06" "70726f642d31" "03" + id_hex("11") + times("22", 64));
}

void hello_of_a_coordinator() {
  Hello hello;
  hello.role = Role::Coordinator;
  hello.cluster = "c";
  hello.instance = filled<Digest>(0x11);
  expect_bytes(hello, "01" "01" "03" "01" "63" + id_hex("11"));
}

void setup_open_and_answer() {
  SetupOpen open{CurveId::P256, filled<KeyId>(0x01), filled<EpochId>(0x02),
                 {filled<Digest>(0x03), Point::generator(Curve::p256())}};
  expect_bytes(open, "01" + id_hex("01") + id_hex("02") + id_hex("03") + kGenerator256);
  expect_bytes(open.message, id_hex("03") + kGenerator256);
}

/// 128 pairs, of which the first is (2G, 3G) and the last (3G, 4G).
std::vector<std::array<Point, 2>> pairs() {
  std::vector<std::array<Point, 2>> out(128, {multiple(1), multiple(1)});
  out.front() = {multiple(2), multiple(3)};
  out.back() = {multiple(3), multiple(4)};
  return out;
}
std::string pairs_hex() {
  return multiple_hex(2) + multiple_hex(3) + times(kGenerator256, 2 * 126) + multiple_hex(3) + multiple_hex(4);
}

void setup_rounds() {
  expect_bytes(ot::SetupMsg2{pairs()}, pairs_hex());

  ot::SetupMsg3 third;
  third.b = pairs();
  third.t.resize(96);
  third.t.front()[0].fill(0x01);
  third.t.front()[1].fill(0x02);
  third.t.back()[1].fill(0x03);
  third.check_sum.resize(32);
  third.check_sum.front().fill(0x04);
  third.check_root.resize(32);
  third.check_root.back().fill(0x05);
  expect_bytes(third, pairs_hex() + times("01", 16) + times("02", 16) + times("00", 32 * 94) + times("00", 16) +
                          times("03", 16) + id_hex("04") + times(id_hex("00"), 31) + times(id_hex("00"), 31) +
                          id_hex("05"));
}

void aborts() {
  expect_payload(MessageType::SetupAbort, encode_abort(Fault::PprfCheck), "0b");
  expect_payload(MessageType::PresignAbort, encode_abort(Fault::GammaCheck), "0e");
}

void setup_ready() {
  expect_bytes(SetupReady{filled<EpochId>(0x01), 16, filled<SetupId>(0x02)}, id_hex("01") + "10" + id_hex("02"));
}

void keygen_rounds() {
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

void keygen_evidence() {
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

void presign_start() {
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

void presign_round_1() {
  PresignMsg1 message;
  message.commitment = filled<Digest>(0x01);
  message.extension.u = Bytes(512, 0x02);
  message.extension.x_tilde.fill(0x03);
  message.extension.t_tilde.front().fill(0x04);
  message.extension.t_tilde.back().fill(0x05);
  expect_bytes(message, id_hex("01") + "00000200" + times("02", 512) + times("03", 16) + times("04", 16) +
                            times("00", 16 * 126) + times("05", 16));
}

void presign_round_2() {
  PresignMsg2 message;
  message.echo = filled<Digest>(0x01);
  message.opening.fill(0x02);
  message.instances.resize(1);
  auto& each = message.instances[0];
  each.R = multiple(1);
  each.pk = multiple(2);
  each.rvole.a_tilde = Bytes(416 * 3 * 32, 0x03);
  each.rvole.eta = Scalar(Curve::p256(), 4);
  each.rvole.mu = filled<Digest>(0x05);
  each.gamma_u = multiple(3);
  each.gamma_v = multiple(4);
  each.psi = Scalar(Curve::p256(), 6);
  expect_bytes(message, id_hex("01") + id_hex("02") + "0001" + multiple_hex(1) + multiple_hex(2) +
                            times("03", 416 * 3 * 32) + scalar_hex("04") + id_hex("05") + multiple_hex(3) +
                            multiple_hex(4) + scalar_hex("06"));
}

void presign_round_3() {
  PresignMsg3 message{filled<Digest>(0x01), {Scalar(Curve::p256(), 2), Scalar(Curve::p256(), 3)}};
  expect_bytes(message, id_hex("01") + "0002" + times("00", 31) + "02" + times("00", 31) + "03");
}

void presign_round_4() {
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

void presign_retire_and_pooled() {
  expect_bytes(PresignRetire{{1, 255}}, "00000002" "00000001" "000000ff");
  expect_bytes(PresignPooled{}, "");
}

void status() {
  expect_bytes(StatusRequest{filled<KeyId>(0x01)}, id_hex("01"));
  StatusReply reply;
  reply.signer = 2;
  reply.instance = filled<Digest>(0x01);
  reply.keys = {{filled<KeyId>(0x02), filled<EpochId>(0x03), CurveId::P384, 2, {1, 2, 3}, {{{1, 2}, 2, 10, 500, 16}}}};
  reply.linked = {1};
  reply.quarantine = 0x0102030405060708;
  expect_bytes(reply, "02" + id_hex("01") + "01" + id_hex("02") + id_hex("03") +
                          "02" "02" "03" "010203" "0001" "02" "0102" "02" "0000000a" "000001f4" "00000010" "01" "01"
                          "0102030405060708");
}

void leases() {
  const PresignatureId first{filled<SessionId>(0x05), 7};
  const auto first_hex = id_hex("05") + "00000007";
  expect_bytes(LeaseRequest{filled<KeyId>(0x01), filled<EpochId>(0x02), {1, 16}, 300},
               id_hex("01") + id_hex("02") + "02" "0110" "012c");
  expect_bytes(LeaseReply{{first}, 5000, 6, 0x0102030405060708},
               "0001" + first_hex + "00001388" "00000006" "0102030405060708");
  expect_bytes(LeaseReturn{filled<KeyId>(0x01), filled<EpochId>(0x02), {first}},
               id_hex("01") + id_hex("02") + "0001" + first_hex);
}

void sign() {
  const PresignatureId id{filled<SessionId>(0x05), 7};
  const auto id_and_index = id_hex("05") + "00000007";
  const SignRequest request{id, {1, 2}, filled<KeyId>(0x01), filled<EpochId>(0x02),
                            Context::Tls13ServerCertificateVerify, DigestAlgorithm::Sha256, {0x20, 0x21}, 200, 3, "web"};
  const auto same_part = id_and_index + "02" "0102" + id_hex("01") + id_hex("02") + "01" "01" "00000002" "2021";
  expect_bytes(request, same_part + "000000c8" "0003" "0003" "776562");
  expect_bytes(SignReply{id, Scalar(Curve::p256(), 1), filled<Digest>(0x03), Scalar(Curve::p256(), 2), {{}, 0, 0, 0}},
               id_and_index + times("00", 31) + "01" + id_hex("03") + times("00", 31) + "02" "0000" "00000000"
               "00000000" "0000000000000000");
  expect_bytes(Refusal{SignErrorCode::PresignatureConsumed, "used"}, "07" "0004" "75736564");

  expect_bytes(RecordRequest{id}, id_and_index);
  expect_bytes(ConfirmRequest{id, {1, 2}, filled<KeyId>(0x01), filled<EpochId>(0x02),
                              Context::Tls13ServerCertificateVerify, DigestAlgorithm::Sha256, {0x20, 0x21}},
               same_part);
  ConfirmReply confirm{Scalar(Curve::p256(), 1), filled<Digest>(0x03), {}};
  confirm.signature.fill(0x04);
  expect_bytes(confirm, times("00", 31) + "01" + id_hex("03") + times("04", 64));
}

void record_reply() {
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

void administration() {
  expect_bytes(KeygenRequest{filled<CeremonyId>(0x01), CurveId::P256, 2, "www", filled<Digest>(0x02), {1, 2, 3},
                             filled<EpochId>(0x03)},
               id_hex("01") + "01" "02" "03" "777777" + id_hex("02") + "03" "010203" + id_hex("03"));
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

void quarantine() {
  DisputeNotice notice{filled<EpochId>(0x01), 2, 3, Fault::RvoleCheck, 3, {}};
  notice.signature.fill(0x02);
  expect_bytes(notice, id_hex("01") + "02" "03" "0d" "03" + times("02", 64));
  expect_bytes(QuarantineNotice{{0xaa, 0xbb}}, "00000002" "aabb");
  expect_bytes(QuarantineRequest{}, "");
  QuarantineReply reply;
  reply.version = 0x0102030405060708;
  reply.entries = {{3, "no", {0xcc}}};
  reply.disputes = {{filled<EpochId>(0x01), {1, 2}, false, Fault::OtCheck, "x", "now"}};
  expect_bytes(reply, "0102030405060708" "01" "03" "0002" "6e6f" "00000001" "cc" "0001" + id_hex("01") +
                          "02" "0102" "00" "0c" "0001" "78" "0003" "6e6f77");
  expect_bytes(QuarantineClear{true, false}, "01" "00");
}

void tier() {
  const TierAssigned assigned{{filled<SessionId>(0x05), 7}, {1, 2}, filled<EpochId>(0x02)};
  const auto assigned_hex = id_hex("05") + "00000007" "02" "0102" + id_hex("02");
  expect_bytes(assigned, assigned_hex);
  TierSignRequest request{filled<KeyId>(0x01), Context::Tls12ServerKeyExchange, DigestAlgorithm::Sha384,
                          NoncePolicy::Fresh, 200, {0x20, 0x21}, {}};
  const auto request_hex = id_hex("01") + "02" "02" "01" "000000c8" "00000002" "2021";
  expect_bytes(request, request_hex + "00");
  request.hint = assigned;
  expect_bytes(request, request_hex + "01" + assigned_hex);
  expect_bytes(TierSignReply{Scalar(Curve::p256(), 1), Scalar(Curve::p256(), 2), {1, 3}, assigned.presignature,
                             0x0102030405060708, 3},
               scalar_hex("01") + scalar_hex("02") + "02" "0103" + id_hex("05") + "00000007" "0102030405060708"
               "0003");
  expect_bytes(ReadinessRequest{filled<KeyId>(0x01)}, id_hex("01"));
  expect_bytes(ReadinessReply{ReadinessState::NotReady, SignErrorCode::PrecomputeDepleted, true, 3, 2, 500, "low"},
               "02" "02" "01" "03" "02" "000001f4" "0003" "6c6f77");
}

struct Golden {
  const char* name;
  void (*compare)();
};
const Golden kGoldens[] = {
    {"hello_of_a_signer", hello_of_a_signer},
    {"hello_of_a_coordinator", hello_of_a_coordinator},
    {"setup_open_and_answer", setup_open_and_answer},
    {"setup_rounds", setup_rounds},
    {"aborts", aborts},
    {"setup_ready", setup_ready},
    {"keygen_rounds", keygen_rounds},
    {"keygen_evidence", keygen_evidence},
    {"presign_start", presign_start},
    {"presign_round_1", presign_round_1},
    {"presign_round_2", presign_round_2},
    {"presign_round_3", presign_round_3},
    {"presign_round_4", presign_round_4},
    {"presign_retire_and_pooled", presign_retire_and_pooled},
    {"status", status},
    {"leases", leases},
    {"sign", sign},
    {"record_reply", record_reply},
    {"quarantine", quarantine},
    {"tier", tier},
    {"administration", administration},
};

class WireGoldens : public testing::TestWithParam<Golden> {};
TEST_P(WireGoldens, KeepItsBytes) { GetParam().compare(); }
INSTANTIATE_TEST_SUITE_P(All, WireGoldens, testing::ValuesIn(kGoldens),
                         [](const auto& golden) { return golden.param.name; });

TEST(WireGolden, EveryMessageTypeHasOne) {
  covered().clear();
  for (const auto& golden : kGoldens) golden.compare();
  for (const auto type : all_message_types()) EXPECT_TRUE(covered().contains(type)) << name(type);
}

}  // namespace
}  // namespace quorate::wire
