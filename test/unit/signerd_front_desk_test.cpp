// coordinatord's front: who may have what signed, how much at once, and what is cancelled when.
#include "signerd/front_desk.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "protocol/wire/online_codec.h"
#include "protocol/wire/tier_codec.h"
#include "test/sim/seeded_rng.h"

namespace quorate::signerd {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using wire::Context;
using wire::DigestAlgorithm;
using wire::MessageType;

Bytes handshake(std::uint8_t last) {
  std::string out(64, ' ');
  out += "TLS 1.3, server CertificateVerify";
  out += '\0';
  out.append(31, '\x11');
  out += static_cast<char>(last);
  return {out.begin(), out.end()};
}

class FrontDeskTest : public testing::Test {
 protected:
  FrontDeskTest() : audit_file_(std::filesystem::temp_directory_path() / ("quorate-desk-" + std::to_string(::getpid()))) {
    std::filesystem::remove(audit_file_);
    config_.cluster = "test";
    config_.keys.push_back({"www", make_key_file(Point::generator(Curve::p256()), "test")});
    config_.keys.push_back({"other", make_key_file(Point::mul_base(Scalar(Curve::p256(), 2)), "test")});
    config_.policy = Policy::defaults();
    config_.max_in_flight = 4;
    config_.max_in_flight_each = 2;
    config_.max_deadline = milliseconds(1000);
    audit_.emplace(*Audit::open(audit_file_));
  }
  ~FrontDeskTest() override { std::filesystem::remove(audit_file_); }

  struct Asked {
    coordinator::SigningJob job;
    std::chrono::nanoseconds within{};
    FrontDesk::Backend::Done done;
    FrontDesk::Backend::OnAssigned assigned;
    bool cancelled = false;
  };
  FrontDesk& desk() {
    if (!desk_)
      desk_.emplace(config_,
                    FrontDesk::Backend{[this](coordinator::SigningJob job, std::chrono::nanoseconds within,
                                              FrontDesk::Backend::Done done, FrontDesk::Backend::OnAssigned assigned) {
                                         asked_.push_back({std::move(job), within, std::move(done), std::move(assigned)});
                                         return asked_.size();
                                       },
                                       [this](coordinator::RequestHandle handle) { asked_.at(handle - 1).cancelled = true; },
                                       [this](const KeyId&) { return readiness_; }},
                    *audit_);
    return *desk_;
  }
  static net::PeerIdentity frontend(const std::string& name = "web") { return {wire::Role::Frontend, kNobody, name, "test"}; }
  wire::TierSignRequest request(Bytes content = handshake(1)) const {
    wire::TierSignRequest out;
    out.key = config_.keys[0].file.key;
    out.context = Context::Tls13ServerCertificateVerify;
    out.digest = DigestAlgorithm::Sha256;
    out.deadline_ms = 200;
    out.content = std::move(content);
    return out;
  }
  SessionId send(const wire::TierSignRequest& asked, FrontDesk::Client client = 1,
                 const net::PeerIdentity& who = frontend()) {
    const auto id = rng_.make_id<SessionId>();
    send(id, asked, client, who);
    return id;
  }
  void send(const SessionId& id, const wire::TierSignRequest& asked, FrontDesk::Client client,
            const net::PeerIdentity& who) {
    deliver({MessageType::TierSignRequest, id, kNobody, kNobody, wire::encode(asked)}, client, who);
  }
  void deliver(const wire::Envelope& envelope, FrontDesk::Client client = 1, const net::PeerIdentity& who = frontend()) {
    desk().on_message(client, who, envelope, [this, client](const wire::Envelope& answer) { answers_.emplace_back(client, answer); },
                      now_);
  }
  wire::Refusal last_refusal() {
    if (answers_.empty() || answers_.back().second.type != MessageType::Refusal) return {SignErrorCode{}, "no refusal"};
    return *wire::decode<wire::Refusal>(answers_.back().second.payload);
  }
  void expect_refused(SignErrorCode code, const std::string& text) {
    const auto refusal = last_refusal();
    EXPECT_EQ(refusal.code, code) << refusal.reason;
    EXPECT_THAT(refusal.reason, HasSubstr(text));
  }
  static coordinator::SignResult signature() {
    return {Scalar(Curve::p256(), 5), Scalar(Curve::p256(), 7), {1, 2}, {SessionId{}, 9}, 2, milliseconds(3)};
  }
  std::vector<nlohmann::json> audit_lines() {
    audit_->flush();
    std::vector<nlohmann::json> lines;
    std::ifstream in(audit_file_);
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  std::filesystem::path audit_file_;
  CoordinatorConfig config_;
  std::optional<Audit> audit_;
  std::vector<Asked> asked_;
  coordinator::Readiness readiness_;
  std::vector<std::pair<FrontDesk::Client, wire::Envelope>> answers_;
  sim::SeededRng rng_{1};
  Clock::time_point now_ = Clock::now();
  std::optional<FrontDesk> desk_;
};

TEST_F(FrontDeskTest, ARequestIsAssignedAndThenSigned) {
  auto with_hint = request();
  with_hint.hint = wire::TierAssigned{{SessionId{}, 3}, {1, 3}, EpochId{}};
  const auto id = send(with_hint, 1, frontend("web-1"));
  ASSERT_EQ(asked_.size(), 1u);
  const auto& job = asked_[0].job;
  EXPECT_EQ(job.key, config_.keys[0].file.key);
  EXPECT_EQ(job.content, handshake(1));
  EXPECT_EQ(job.frontend, "quorate:test/frontend/web-1");
  ASSERT_TRUE(job.hint);
  EXPECT_EQ(job.hint->presignature.index, 3u);
  EXPECT_EQ(asked_[0].within, milliseconds(200));

  asked_[0].assigned({{SessionId{}, 8}, {1, 2}, EpochId{}});
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].second.sid, id);
  EXPECT_EQ(wire::decode<wire::TierAssigned>(answers_[0].second.payload)->presignature.index, 8u);
  asked_[0].done(signature());
  ASSERT_EQ(answers_.size(), 2u);
  const auto reply = wire::decode<wire::TierSignReply>(answers_[1].second.payload, Curve::p256());
  ASSERT_TRUE(reply);
  EXPECT_EQ(answers_[1].second.sid, id);
  EXPECT_EQ(reply->s, Scalar(Curve::p256(), 7));
  EXPECT_EQ(reply->quorum, (Quorum{1, 2}));
  EXPECT_EQ(reply->presignature.index, 9u);
  EXPECT_EQ(reply->attempts, 2u);
  EXPECT_GT(reply->timestamp, 1'700'000'000'000u);
  EXPECT_EQ(desk().in_flight(), 0u);

  const auto lines = audit_lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].at("request"), id.hex());
  EXPECT_EQ(lines[0].at("who"), "quorate:test/frontend/web-1");
  EXPECT_EQ(lines[0].at("outcome"), "signed");
  EXPECT_EQ(lines[0].at("key"), "www");
  EXPECT_EQ(lines[0].at("quorum"), (std::vector<int>{1, 2}));
  EXPECT_EQ(lines[0].at("r"), to_hex(Scalar(Curve::p256(), 5).encode()));
  EXPECT_EQ(lines[0].at("content_sha256").get<std::string>().size(), 64u);
  EXPECT_FALSE(lines[0].contains("s"));
}

TEST_F(FrontDeskTest, WhatMayNotBeSignedReachesNoSigner) {
  auto bad = request();
  bad.context = Context::Pkcs10CertificationRequest;
  send(bad);
  expect_refused(SignErrorCode::PolicyDenied, "may not sign pkcs10");
  send(request(Bytes(32, 0x5a)));  // a bare digest
  expect_refused(SignErrorCode::PolicyDenied, "");
  bad = request();
  bad.digest = DigestAlgorithm::Sha512;
  send(bad);
  expect_refused(SignErrorCode::PolicyDenied, "");
  bad = request();
  bad.key.bytes.fill(7);
  send(bad);
  expect_refused(SignErrorCode::KeyUnknown, "no key");
  bad = request();
  bad.deadline_ms = 0;
  send(bad);
  expect_refused(SignErrorCode::DeadlineExceeded, "");
  deliver({MessageType::TierSignRequest, rng_.make_id<SessionId>(), kNobody, kNobody, Bytes(5)});
  expect_refused(SignErrorCode::PolicyDenied, "TierSignRequest");
  for (const auto type : {MessageType::SignRequest, MessageType::StatusRequest, MessageType::KeygenRequest}) {
    deliver({type, rng_.make_id<SessionId>(), kNobody, kNobody, {}});
    expect_refused(SignErrorCode::PolicyDenied, "is for a signer");
  }
  EXPECT_TRUE(asked_.empty());
  for (const auto& line : audit_lines()) EXPECT_EQ(line.at("outcome"), "refused");
}

TEST_F(FrontDeskTest, APolicyRuleNamesTheKeysOfAFrontEnd) {
  config_.policy = {{wire::Role::Frontend, "web", {"www"}, {Context::Tls13ServerCertificateVerify}, false, 0}};
  send(request());
  EXPECT_EQ(asked_.size(), 1u);
  auto other = request();
  other.key = config_.keys[1].file.key;
  send(other);
  expect_refused(SignErrorCode::KeyUnknown, "frontend web");
  send(request(), 1, frontend("stranger"));
  expect_refused(SignErrorCode::KeyUnknown, "frontend stranger");
  EXPECT_EQ(asked_.size(), 1u);
}

TEST_F(FrontDeskTest, TooMuchAtOnceIsRefusedPromptlyPerIdentityAndInAll) {
  send(request(), 1);
  send(request(), 2);  // another connection of the same identity
  send(request(), 3);
  expect_refused(SignErrorCode::Overloaded, "frontend web has 2 requests");
  EXPECT_EQ(asked_.size(), 2u);
  send(request(), 4, frontend("b"));
  send(request(), 4, frontend("b"));
  send(request(), 5, frontend("c"));
  expect_refused(SignErrorCode::Overloaded, "4 requests are in flight");
  EXPECT_EQ(asked_.size(), 4u);
  asked_[0].done(signature());
  send(request(), 3);
  EXPECT_EQ(asked_.size(), 5u);
}

TEST_F(FrontDeskTest, ARateAboveTheRulesIsOverloadedAndComesBackWithTime) {
  config_.max_in_flight = config_.max_in_flight_each = 100;
  config_.policy = {{wire::Role::Frontend, "*", {"*"}, {Context::Tls13ServerCertificateVerify}, false, 3}};
  for (int i = 0; i < 3; ++i) send(request());
  EXPECT_EQ(asked_.size(), 3u);
  send(request());
  expect_refused(SignErrorCode::Overloaded, "more signatures than its rate");
  now_ += std::chrono::seconds(1);
  send(request());
  EXPECT_EQ(asked_.size(), 4u);
}

TEST_F(FrontDeskTest, OfManyRefusalsInASecondTheAuditHasTheFirstAndANumber) {
  auto foreign = request();
  foreign.key.bytes[0] ^= 1;
  for (std::size_t i = 0; i < RefusalLines::kPerSecond + 500; ++i) send(foreign, 1, frontend("flood"));
  send(foreign, 2, frontend("other"));
  EXPECT_EQ(answers_.size(), RefusalLines::kPerSecond + 501) << "everybody is answered";
  auto lines = audit_lines();
  ASSERT_EQ(lines.size(), RefusalLines::kPerSecond + 1);
  EXPECT_EQ(lines.back().at("who"), frontend("other").uri());
  now_ += std::chrono::seconds(1);
  desk_->tick(now_);
  lines = audit_lines();
  ASSERT_EQ(lines.size(), RefusalLines::kPerSecond + 2) << "nothing is to be said of who was refused once";
  EXPECT_EQ(lines.back().at("who"), frontend("flood").uri());
  EXPECT_EQ(lines.back().at("reason"), "500 more refused");
  EXPECT_EQ(lines.back().at("count"), 500);
  send(foreign, 1, frontend("flood"));
  EXPECT_EQ(audit_lines().size(), RefusalLines::kPerSecond + 3) << "another second";
}

TEST_F(FrontDeskTest, WhatWasRefusedLastIsCountedWhenTheDeskCloses) {
  auto foreign = request();
  foreign.key.bytes[0] ^= 1;
  for (std::size_t i = 0; i < RefusalLines::kPerSecond + 2; ++i) send(foreign);
  desk_.reset();
  EXPECT_EQ(audit_lines().back().at("count"), 2);
}

TEST_F(FrontDeskTest, ALostFrontEndsRequestsAreCancelledAndNoOthers) {
  send(request(), 1);
  send(request(), 2, frontend("b"));
  asked_[0].assigned({{SessionId{}, 8}, {1, 2}, EpochId{}});
  answers_.clear();
  desk().gone(1);
  EXPECT_TRUE(asked_[0].cancelled);
  EXPECT_FALSE(asked_[1].cancelled);
  EXPECT_EQ(desk().in_flight(), 1u);
  asked_[0].done(signature());  // a backend that does not listen
  asked_[0].assigned({});
  EXPECT_TRUE(answers_.empty());
  asked_[1].done(signature());
  EXPECT_EQ(answers_.size(), 1u);
  const auto lines = audit_lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].at("outcome"), "cancelled");
  EXPECT_THAT(lines[0].at("presignature").get<std::string>(), HasSubstr("/8"));
  send(request(), 1);
  EXPECT_EQ(asked_.size(), 3u) << "the identity's share was not given back";
}

TEST_F(FrontDeskTest, AFrontEndWithdrawsItsOwnRequestsOnly) {
  const auto id = send(request(), 1);
  const wire::Envelope withdrawal{MessageType::Refusal, id, kNobody, kNobody,
                                  wire::encode(wire::Refusal{SignErrorCode::DeadlineExceeded, "no longer wanted"})};
  deliver(withdrawal, 2, frontend("b"));
  EXPECT_FALSE(asked_[0].cancelled);
  deliver(withdrawal, 1);
  EXPECT_TRUE(asked_[0].cancelled);
  deliver(withdrawal, 1);
  EXPECT_TRUE(answers_.empty());
}

TEST_F(FrontDeskTest, AnIdThatIsInFlightCannotBeUsedAgainOnThatLink) {
  const auto id = send(request(), 1);
  send(id, request(handshake(2)), 1, frontend());
  expect_refused(SignErrorCode::PolicyDenied, "in flight");
  EXPECT_EQ(asked_.size(), 1u);
  send(id, request(), 2, frontend("b"));
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(FrontDeskTest, DeadlinesAreCapped) {
  auto slow = request();
  slow.deadline_ms = 0xffffffff;
  send(slow);
  EXPECT_EQ(asked_.at(0).within, milliseconds(1000));
}

TEST_F(FrontDeskTest, AFailureIsToldWithItsReason) {
  send(request());
  asked_[0].done(fail(SignError{SignErrorCode::QuorumInsufficient, "1 of 2 signers reachable (signers 2, 3 down)"}));
  expect_refused(SignErrorCode::QuorumInsufficient, "signers 2, 3 down");
  EXPECT_EQ(audit_lines().at(0).at("outcome"), "failed");
}

TEST_F(FrontDeskTest, WhenItStopsNothingNewIsTakenAndWhatIsInFlightIsFinished) {
  send(request());
  desk().drain();
  send(request(), 2, frontend("b"));
  expect_refused(SignErrorCode::Overloaded, "stopping");
  asked_[0].done(signature());
  EXPECT_EQ(answers_.back().second.type, MessageType::TierSignReply);
  EXPECT_EQ(desk().in_flight(), 0u);
}

TEST_F(FrontDeskTest, ReadinessIsThatOfTheCoordinatorForThoseWhoMayUseTheKey) {
  readiness_.state = coordinator::Readiness::State::NotReady;
  readiness_.reason = SignErrorCode::PrecomputeDepleted;
  readiness_.can_sign = true;
  readiness_.signers_up = 3;
  readiness_.threshold = 2;
  readiness_.pool_depth = std::uint64_t{1} << 40;
  readiness_.detail = "pools are low";
  const auto ask = [&](const KeyId& key) {
    deliver({MessageType::ReadinessRequest, rng_.make_id<SessionId>(), kNobody, kNobody,
             wire::encode(wire::ReadinessRequest{key})});
  };
  ask(config_.keys[0].file.key);
  ASSERT_EQ(answers_.back().second.type, MessageType::ReadinessReply);
  const auto reply = wire::decode<wire::ReadinessReply>(answers_.back().second.payload);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->state, wire::ReadinessState::NotReady);
  EXPECT_EQ(reply->reason, SignErrorCode::PrecomputeDepleted);
  EXPECT_TRUE(reply->can_sign);
  EXPECT_EQ(reply->signers_up, 3u);
  EXPECT_EQ(reply->threshold, 2u);
  EXPECT_EQ(reply->pool_depth, UINT32_MAX);
  EXPECT_EQ(reply->detail, "pools are low");
  ask(KeyId{});
  expect_refused(SignErrorCode::KeyUnknown, "");
  EXPECT_TRUE(asked_.empty());
}

TEST(FrontDeskAdmits, FrontEndsAndAdministratorsAndNobodyElse) {
  using wire::Role;
  EXPECT_FALSE(FrontDesk::admit({Role::Frontend, kNobody, "a", "test"}));
  EXPECT_FALSE(FrontDesk::admit({Role::Admin, kNobody, "a", "test"}));
  EXPECT_TRUE(FrontDesk::admit({Role::Coordinator, kNobody, "a", "test"}));
  EXPECT_TRUE(FrontDesk::admit({Role::Signer, 1, "", "test"}));
}

}  // namespace
}  // namespace quorate::signerd
