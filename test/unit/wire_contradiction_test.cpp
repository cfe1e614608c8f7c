// Payloads whose fields are each in range and do not fit each other.
#include <gtest/gtest.h>

#include "test/unit/wire_hex.h"

namespace quorate::wire {
namespace {

TEST(WireContradiction, ContradictionsAreRejected) {
  auto reason = [](MessageType type, const std::string& payload) {
    return sample::recode(type, Curve::p256(), *from_hex(payload)).error().reason;
  };
  // Hello: least version above the greatest; version 0; no such role
  EXPECT_EQ(reason(MessageType::Hello, "02" "01" "03" "01" "63" + id_hex("11")), Reason::Mismatch);
  EXPECT_EQ(reason(MessageType::Hello, "00" "01" "03" "01" "63" + id_hex("11")), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::Hello, "01" "01" "05" "01" "63" + id_hex("11")), Reason::UnknownValue);
  // KeygenRequest: threshold above the number of members
  EXPECT_EQ(reason(MessageType::KeygenRequest, id_hex("01") + "01" "04" "03" "777777" + id_hex("02") + "03" "010203" + id_hex("03")),
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
  EXPECT_EQ(reason(MessageType::SignRequest, head + "01" "01" "00000000" "00000000" "0001" "0100"), Reason::TooLong);
  EXPECT_EQ(reason(MessageType::SignRequest, head + "01" "01" "00000000" "00000000" "0001" "0001" "0a"),
            Reason::NotText);
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

TEST(WireContradiction, DisputesAndQuarantinesThatContradictThemselvesAreRejected) {
  auto reason = [](MessageType type, const std::string& payload) {
    return sample::recode(type, Curve::p256(), *from_hex(payload)).error().reason;
  };
  // DisputeNotice: a pair of one, in the wrong order, beyond the group; signed by a third one; no such fault
  const auto signature = times("02", 64);
  const auto notice = [&](const std::string& numbers) { return id_hex("01") + numbers + signature; };
  ASSERT_TRUE(sample::recode(MessageType::DisputeNotice, Curve::p256(), *from_hex(notice("02" "03" "0d" "03"))));
  EXPECT_EQ(reason(MessageType::DisputeNotice, notice("03" "03" "0d" "03")), Reason::NotAscending);
  EXPECT_EQ(reason(MessageType::DisputeNotice, notice("03" "02" "0d" "03")), Reason::NotAscending);
  EXPECT_EQ(reason(MessageType::DisputeNotice, notice("00" "03" "0d" "03")), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::DisputeNotice, notice("02" "11" "0d" "02")), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::DisputeNotice, notice("02" "03" "0d" "04")), Reason::Mismatch);
  EXPECT_EQ(reason(MessageType::DisputeNotice, notice("02" "03" "14" "03")), Reason::UnknownValue);
  // A quarantine without evidence is none
  EXPECT_EQ(reason(MessageType::QuarantineNotice, "00000000"), Reason::TooShort);
  EXPECT_EQ(reason(MessageType::QuarantineNotice, "00040001"), Reason::TooLong);
  const auto version = times("01", 8);
  const auto entry = [](const std::string& signer) { return signer + "0000" "00000001" "cc"; };
  EXPECT_EQ(reason(MessageType::QuarantineReply, version + "01" "03" "0000" "00000000" "0000"), Reason::TooShort);
  EXPECT_EQ(reason(MessageType::QuarantineReply, version + "02" + entry("03") + entry("03") + "0000"),
            Reason::NotAscending);
  EXPECT_EQ(reason(MessageType::QuarantineReply, version + "02" + entry("03") + entry("02") + "0000"),
            Reason::NotAscending);
  EXPECT_EQ(reason(MessageType::QuarantineReply, version + "11"), Reason::TooLong);
  EXPECT_EQ(reason(MessageType::QuarantineReply, version + "00" "0101"), Reason::TooLong);
  // A pair has two members; a quorum may have
  const auto dispute = [&](const std::string& members_and_whole) {
    return version + "00" "0001" + id_hex("01") + members_and_whole + "0c" "0000" "0000";
  };
  ASSERT_TRUE(sample::recode(MessageType::QuarantineReply, Curve::p256(), *from_hex(dispute("02" "0102" "01"))));
  EXPECT_EQ(reason(MessageType::QuarantineReply, dispute("03" "010203" "00")), Reason::Mismatch);
  EXPECT_EQ(reason(MessageType::QuarantineReply, dispute("02" "0102" "02")), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::QuarantineClear, "02" "00"), Reason::OutOfRange);
}

TEST(WireContradiction, TierMessagesThatContradictThemselvesAreRejected) {
  auto reason = [](MessageType type, const std::string& payload) {
    return sample::recode(type, Curve::p256(), *from_hex(payload)).error().reason;
  };
  const auto request = [](const std::string& kinds) { return id_hex("01") + kinds + "000000c8" "00000000"; };
  ASSERT_TRUE(sample::recode(MessageType::TierSignRequest, Curve::p256(), *from_hex(request("01" "01" "01") + "00")));
  EXPECT_EQ(reason(MessageType::TierSignRequest, request("08" "01" "01") + "00"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::TierSignRequest, request("01" "00" "01") + "00"), Reason::UnknownValue);
  // There is no nonce policy but a fresh one
  EXPECT_EQ(reason(MessageType::TierSignRequest, request("01" "01" "00") + "00"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::TierSignRequest, request("01" "01" "02") + "00"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::TierSignRequest, request("01" "01" "01") + "02"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::TierSignRequest, request("01" "01" "01") + "01"), Reason::Truncated);
  EXPECT_EQ(reason(MessageType::TierSignRequest, id_hex("01") + "01" "01" "01" "000000c8" "00010001"), Reason::TooLong);
  const auto presignature = id_hex("05") + "00000007";
  EXPECT_EQ(reason(MessageType::TierAssigned, presignature + "01" "01" + id_hex("02")), Reason::TooShort);
  // Readiness: no such state, reason or flag; more signers than there are; one of one is no threshold
  ASSERT_TRUE(sample::recode(MessageType::ReadinessReply, Curve::p256(), *from_hex("01" "01" "01" "10" "02" "00000000" "0000")));
  EXPECT_EQ(reason(MessageType::ReadinessReply, "03" "01" "01" "10" "02" "00000000" "0000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::ReadinessReply, "01" "00" "01" "10" "02" "00000000" "0000"), Reason::UnknownValue);
  EXPECT_EQ(reason(MessageType::ReadinessReply, "01" "01" "02" "10" "02" "00000000" "0000"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::ReadinessReply, "01" "01" "01" "11" "02" "00000000" "0000"), Reason::OutOfRange);
  EXPECT_EQ(reason(MessageType::ReadinessReply, "01" "01" "01" "10" "01" "00000000" "0000"), Reason::OutOfRange);
}

TEST(WireContradiction, RowsOfARecordStandInTheOrderOfTheQuorum) {
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
