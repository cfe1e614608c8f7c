// The judgements of `quorate doctor` on certificates, signers and a signer's host: facts in, findings out.
#include <algorithm>

#include "test/unit/doctor_fixture.h"
#include "tools/doctor_certificate.h"
#include "tools/doctor_frontend.h"
#include "tools/doctor_signerd.h"
#include "tools/doctor_signers.h"

namespace quorate::tools::doctor {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kNow = 1'800'000'000, kDay = 24 * 3600;
constexpr Validity kGoodDates{kNow - kDay, kNow + 100 * kDay};

// ---- certificates and clock ----

TEST(DoctorCertificate, dates_at_their_edges) {
  const auto level = [](std::int64_t from, std::int64_t to) {
    return judge_validity("c", "s", {from, to}, kNow, "renew").level;
  };
  EXPECT_EQ(level(kNow, kNow + 15 * kDay), Level::Ok);
  EXPECT_EQ(level(kNow + 1, kNow + 15 * kDay), Level::Problem);
  EXPECT_EQ(level(kNow - kDay, kNow), Level::Problem);
  EXPECT_EQ(level(kNow - kDay, kNow + 1), Level::Warning);
  EXPECT_EQ(level(kNow - kDay, kNow + kRenewAhead - 1), Level::Warning);
  EXPECT_EQ(level(kNow - kDay, kNow + kRenewAhead), Level::Ok);
}

LinkCertificate good_certificate() {
  LinkCertificate facts;
  facts.file = "/tls.crt";
  facts.validity = facts.ca_validity = kGoodDates;
  facts.identity = net::PeerIdentity{wire::Role::Frontend, kNobody, "web", "prod"};
  facts.key_fits = true;
  return facts;
}

TEST(DoctorCertificate, a_good_one_has_no_findings_but_ok) {
  EXPECT_EQ(worst(judge_link_certificate(good_certificate(), "prod", kNobody, kNow)), Level::Ok);
}

TEST(DoctorCertificate, names_each_thing_that_does_not_fit) {
  const auto judge = [](const std::function<void(LinkCertificate&)>& spoil, PartyId signer = kNobody) {
    auto facts = good_certificate();
    spoil(facts);
    return judge_link_certificate(facts, "prod", signer, kNow);
  };
  EXPECT_FINDING(judge([](auto& f) { f.key_fits = false; }), "tls-key-match", Level::Problem,
                 "does not belong");
  EXPECT_FINDING(judge([](auto& f) { f.chain_flaw = "unable"; }), "tls-chain", Level::Problem, "unable");
  EXPECT_FINDING(judge([](auto& f) { f.identity->cluster = "test"; }), "tls-identity", Level::Problem,
                 "cluster 'test', not 'prod'");
  EXPECT_FINDING(judge([](auto& f) {
                   f.identity.reset();
                   f.identity_flaw = "no name";
                 }),
                 "tls-identity", Level::Problem, "no name");
  EXPECT_FINDING(judge([](auto& f) { f.identity->role = wire::Role::Signer; }), "tls-identity",
                 Level::Problem, "no place on a TLS server");
  EXPECT_FINDING(judge([](auto& f) { f.validity.not_after = kNow - 1; }), "tls-certificate", Level::Problem,
                 "expired");
  EXPECT_FINDING(judge([](auto& f) { f.ca_validity.not_after = kNow - 1; }), "tls-ca", Level::Problem,
                 "expired");
  EXPECT_FINDING(judge([](auto& f) { f.ca_key_beside = true; }), "tls-ca-key", Level::Warning,
                 "pose as a front end");
  EXPECT_FINDING(judge([](auto&) {}, 2), "tls-identity", Level::Problem, "not for signer 2");
  EXPECT_FINDING(judge(
                     [](auto& f) {
                       f.identity->role = wire::Role::Signer;
                       f.identity->signer = 2;
                     },
                     2),
                 "tls-identity", Level::Ok, "signer/2");
  EXPECT_FINDING(judge(
                     [](auto& f) {
                       f.identity->role = wire::Role::Signer;
                       f.identity->signer = 3;
                     },
                     2),
                 "tls-identity", Level::Problem, "not for signer 2");
}

TEST(DoctorCertificate, the_servers_certificate_has_to_be_for_the_key) {
  ServerCertificate facts{"/www.crt", "/key.pem", "", kGoodDates, true, false};
  EXPECT_FINDING(judge_server_certificate(facts, kNow), "key-match", Level::Problem,
                 "is not the key of /www.crt");
  facts.key_fits = true;
  EXPECT_EQ(worst(judge_server_certificate(facts, kNow)), Level::Ok);
}

TEST(DoctorClock, an_unkept_clock_is_a_warning) {
  EXPECT_EQ(judge_clock({true, true}, kNow).level, Level::Ok);
  EXPECT_EQ(judge_clock({true, false}, kNow).level, Level::Warning);
  EXPECT_EQ(judge_clock({false, false}, kNow).level, Level::Warning);
}

// ---- signers ----

KeyId key_id(std::uint8_t number) {
  KeyId id;
  id.bytes[0] = number;
  return id;
}

/// Three signers, 2 of 3, each the leader of one quorum.
std::vector<SignerFacts> good_signers() {
  std::vector<SignerFacts> out;
  const std::vector<Quorum> quorums = {{1, 2}, {1, 3}, {2, 3}};
  for (PartyId id = 1; id <= 3; ++id) {
    SignerFacts signer;
    signer.id = id;
    signer.address = "192.0.2.1:7400";
    signer.resolves = signer.up = true;
    signer.certificate = kGoodDates;
    wire::StatusReply status;
    status.signer = id;
    wire::KeyStatus key;
    key.key = key_id(7);
    key.threshold = 2;
    key.members = {1, 2, 3};
    for (PartyId q = 0; q < 3; ++q)
      if (std::ranges::count(quorums[q], id) != 0)
        key.pools.push_back({quorums[q], quorums[q][q % 2], 60, 64});
    status.keys = {key};
    for (PartyId other = 1; other <= 3; ++other)
      if (other != id) status.linked.push_back(other);
    signer.status = status;
    out.push_back(signer);
  }
  return out;
}
void take_down(SignerFacts& signer, const std::string& reason) {
  signer.up = false;
  signer.status.reset();
  signer.certificate.reset();
  signer.reason = reason;
}

TEST(DoctorSigners, good_ones_have_no_findings_but_ok) {
  const auto signers = good_signers();
  EXPECT_EQ(worst(judge_signers(signers, kNow)), Level::Ok) << text_of(judge_signers(signers, kNow));
  const auto service = judge_key_service(signers, key_id(7), "key.pem");
  EXPECT_EQ(worst(service), Level::Ok) << text_of(service);
  EXPECT_FINDING(service, "key-pools", Level::Ok, "3 quorums");
}

TEST(DoctorSigners, advice_fits_the_reason) {
  const std::pair<const char*, const char*> cases[] = {
      {"127.0.0.1:1: Connection refused", "start signerd there"},
      {"x.example does not resolve", "name service"},
      {"no connection to 192.0.2.1 in time", "firewall"},
      {"hello of signer 2: not signed with the pinned identity key of this signer", "poses as it"},
      {"certificate verify failed: unable to get local issuer certificate", "same ca.crt"},
      {"certificate has expired", "clocks"},
      {"expected signer 2, the certificate says signer 3", "correct the address"},
      {"refused by the peer: no", "log"},
  };
  for (const auto& [reason, advice] : cases) EXPECT_THAT(link_advice(reason), HasSubstr(advice)) << reason;
}

TEST(DoctorSigners, one_that_is_down_is_named_with_its_reason) {
  auto signers = good_signers();
  take_down(signers[1], "Connection refused");
  EXPECT_FINDING(judge_signers(signers, kNow), "signer-link", Level::Problem, "Connection refused");
  EXPECT_FINDING(judge_key_service(signers, key_id(7), "k"), "key-quorum", Level::Warning,
                 "2 of 3 signers offer it");
  take_down(signers[2], "");
  EXPECT_FINDING(judge_key_service(signers, key_id(7), "k"), "key-quorum", Level::Problem,
                 "nothing can be signed");
}

TEST(DoctorSigners, a_missing_link_between_two_that_are_up_is_a_warning) {
  auto signers = good_signers();
  std::erase(signers[0].status->linked, PartyId{3});
  EXPECT_FINDING(judge_signers(signers, kNow), "signer-mesh", Level::Warning, "no link to signer 3");
  take_down(signers[2], "x");
  EXPECT_EQ(find(judge_signers(signers, kNow), "signer-mesh").check, "");
}

TEST(DoctorSigners, a_certificate_that_ends_soon_is_a_warning) {
  auto signers = good_signers();
  signers[0].certificate->not_after = kNow + kDay;
  EXPECT_FINDING(judge_signers(signers, kNow), "signer-certificate", Level::Warning, "in 1 days");
}

TEST(DoctorSigners, a_key_that_nobody_or_not_everybody_knows_is_a_problem) {
  auto signers = good_signers();
  EXPECT_FINDING(judge_key_service(signers, key_id(8), "k"), "key-known", Level::Problem,
                 "no signer that is up knows");
  signers[2].status->keys.clear();
  EXPECT_FINDING(judge_key_service(signers, key_id(7), "k"), "key-known", Level::Problem,
                 "though it holds a share");
}

TEST(DoctorSigners, pools_are_judged_as_their_leaders_see_them) {
  auto signers = good_signers();
  const auto leader_sees = [&](std::uint32_t available) {
    for (auto& signer : signers)
      for (auto& pool : signer.status->keys[0].pools)
        if (pool.leader == signer.id) pool.available = available;
  };
  leader_sees(15);
  EXPECT_FINDING(judge_key_service(signers, key_id(7), "k"), "key-pools", Level::Warning,
                 "3 of 3 quorums are below");
  leader_sees(0);
  EXPECT_FINDING(judge_key_service(signers, key_id(7), "k"), "key-pools", Level::Problem,
                 "no quorum has a presignature");
  leader_sees(16);
  EXPECT_FINDING(judge_key_service(signers, key_id(7), "k"), "key-pools", Level::Ok, "3 quorums");
}

TEST(DoctorSigners, without_a_key_file_every_listed_key_is_looked_at) {
  EXPECT_FINDING(judge_key_service(good_signers(), std::nullopt, ""), "key-quorum", Level::Ok, "3 of 3");
  auto none = good_signers();
  for (auto& signer : none) signer.status->keys.clear();
  EXPECT_FINDING(judge_key_service(none, std::nullopt, ""), "key-known", Level::Warning,
                 "no signer lists a key");
}

// ---- provider.json and signerd.json ----

TEST(DoctorFrontend, a_key_file_of_another_cluster_is_a_problem) {
  KeyFile key;
  key.cluster = "test";
  provider::Config config;
  config.cluster = "prod";
  EXPECT_EQ(judge_key_cluster("k", key, "c", config).level, Level::Problem);
  key.cluster = "prod";
  EXPECT_EQ(judge_key_cluster("k", key, "c", config).level, Level::Ok);
  EXPECT_EQ(judge_log_directory("l", false).level, Level::Problem);
}

TEST(DoctorFrontend, decline_without_a_thread_at_fork_is_a_warning) {
  provider::Config config;
  EXPECT_EQ(judge_unavailable("c", config).level, Level::Ok);
  config.unavailable = provider::Unavailable::Decline;
  EXPECT_EQ(judge_unavailable("c", config).level, Level::Warning);
  config.thread_at_fork = true;
  EXPECT_EQ(judge_unavailable("c", config).level, Level::Ok);
  EXPECT_THAT(judge_unavailable("c", config).text, HasSubstr("other certificate"));
}

TEST(DoctorFrontend, a_back_off_that_outlasts_the_deadline_is_a_warning) {
  provider::Config config;
  config.deadline = config.back_off = std::chrono::milliseconds(50);
  EXPECT_EQ(judge_unavailable("c", config).level, Level::Warning);
  config.deadline = std::chrono::milliseconds(51);
  EXPECT_EQ(judge_unavailable("c", config).level, Level::Ok);
}

SignerdFacts good_signerd() {
  SignerdFacts facts;
  facts.file = "/signerd.json";
  facts.cluster = "prod";
  facts.id = 2;
  facts.listen = "10.0.0.2:7400";
  facts.listens_where_group_says = true;
  facts.identity_key = facts.state_key = facts.tls_key = FileFacts{"/k", "", false, 0600, 7};
  facts.state = FileFacts{"/state", "", true, 0700, 7};
  facts.certificate = good_certificate();
  facts.certificate->identity = net::PeerIdentity{wire::Role::Signer, 2, "", "prod"};
  facts.shares = 1;
  facts.peers = {{1, "10.0.0.1:7400", kGoodDates, ""}};
  return facts;
}

TEST(DoctorSignerd, a_good_host_has_no_findings_but_ok) {
  const auto findings = judge_signerd(good_signerd(), kNow);
  EXPECT_EQ(worst(findings), Level::Ok) << text_of(findings);
}

TEST(DoctorSignerd, names_each_thing_that_does_not_fit) {
  const auto judge = [](const std::function<void(SignerdFacts&)>& spoil) {
    auto facts = good_signerd();
    spoil(facts);
    return judge_signerd(facts, kNow);
  };
  EXPECT_FINDING(judge([](auto& f) { f.flaw = "listen: missing"; }), "signerd-config", Level::Problem,
                 "listen: missing");
  EXPECT_FINDING(judge([](auto& f) { f.state_key->mode = 0640; }), "state-key-mode", Level::Problem,
                 "group may read");
  EXPECT_FINDING(judge([](auto& f) { f.identity_key->mode = 0604; }), "identity-key-mode", Level::Problem,
                 "everybody");
  EXPECT_FINDING(judge([](auto& f) {
                   f.flaw = "x";
                   f.state_key->mode = 0604;
                 }),
                 "state-key-mode", Level::Problem, "everybody");
  EXPECT_FINDING(judge([](auto& f) { f.state->mode = 0755; }), "state-mode", Level::Problem,
                 "others may look");
  EXPECT_FINDING(judge([](auto& f) { f.state->owner = 8; }), "state-mode", Level::Warning, "user id 8");
  EXPECT_FINDING(judge([](auto& f) {
                   f.state_key->owner = 0;
                   f.state->owner = 8;
                 }),
                 "state-mode", Level::Ok, "owner only");
  EXPECT_FINDING(judge([](auto& f) { f.shares_flaw = "does not open"; }), "signerd-shares", Level::Problem,
                 "does not open");
  EXPECT_FINDING(judge([](auto& f) { f.listens_where_group_says = false; }), "signerd-listen", Level::Warning,
                 "group.json");
  EXPECT_FINDING(judge([](auto& f) { f.lock_memory = false; }), "signerd-memory", Level::Warning, "swap");
  EXPECT_FINDING(judge([](auto& f) { f.audit_directory_flaw = "/a"; }), "signerd-audit", Level::Problem,
                 "/a");
  EXPECT_FINDING(judge([](auto& f) {
                   f.peers[0].certificate.reset();
                   f.peers[0].reason = "Connection refused";
                 }),
                 "peer-link", Level::Problem, "refused");
  EXPECT_FINDING(judge([](auto& f) { f.certificate->identity->signer = 3; }), "tls-identity", Level::Problem,
                 "not for signer 2");
}

TEST(DoctorSignerd, a_credential_of_systemd_is_not_missed) {
  auto facts = good_signerd();
  facts.state_key =
      FileFacts{"/run/credentials/signerd.service/state.key", "No such file or directory", false, 0, 0};
  EXPECT_FINDING(judge_signerd(facts, kNow), "state-key-mode", Level::Warning, "only while signerd runs");
}

}  // namespace
}  // namespace quorate::tools::doctor
