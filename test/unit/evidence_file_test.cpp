// Evidence files, the folder they are kept in, and `quorate blame verify` itself: QUORATE_CLI is the program.
#include "protocol/net/evidence_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "protocol/net/blame_report.h"
#include "protocol/net/group_file.h"
#include "protocol/wire/blame_codec.h"
#include "test/sim/dealt_batch.h"
#include "test/sim/keygen_driver.h"
#include "test/sim/seeded_rng.h"

namespace quorate::net {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

constexpr PartyId kCheat = 2;
constexpr const char* kCluster = "example";

class EvidenceTest : public testing::Test {
 protected:
  EvidenceTest() {
    std::string name = (fs::temp_directory_path() / "quorate-evidence-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    dir_ = name;
    write("group.json", group_text(group_file(group_.identities, kCluster)));
  }
  ~EvidenceTest() override { fs::remove_all(dir_); }

  static GroupFile group_file(const std::map<PartyId, IdentityKey>& keys, const std::string& cluster) {
    std::vector<MemberRecord> records;
    for (const auto& [id, key] : keys) {
      MemberRecord record{cluster, id, "127.0.0.1:" + std::to_string(7000 + id), key.public_key(), {}};
      record.signature = key.sign(record.digest());
      records.push_back(record);
    }
    return *assemble_group(std::move(records));
  }
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ / name) << text;
    return dir_ / name;
  }
  static std::string read(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  BadPartialEvidence bad_partial(std::uint32_t index = 0, std::uint64_t error = 1) const {
    const Bytes content{'x'};
    const Scalar m = message_scalar(curve_, MessageDigest::Sha256, content);
    return {batch_.context, batch_.rows.at(kCheat), index, batch_.R[index], batch_.K.at(kCheat)[index],
            batch_.C.at(kCheat)[index],
            sim::sign_partial(batch_.context, kCheat, index, group_.identities.at(kCheat), Digest{}, 1, MessageDigest::Sha256,
                              content, batch_.partial(kCheat, index, m) + Scalar(curve_, error))};
  }
  RowContradiction contradiction() const {
    Row other = batch_.rows.at(kCheat);
    other.u_digest.bytes[0] ^= 1;
    other.signature = group_.identities.at(kCheat).sign(row_digest(batch_.context.binding(), batch_.context.quorum, other));
    return *find_contradiction(batch_.context, batch_.rows.at(kCheat), other, sim::identities_of(group_));
  }
  DisputesEvidence disputes() const {
    DisputesEvidence out{group_.info(), kCheat, {}};
    for (auto id : {PartyId{1}, PartyId{3}}) out.statements.push_back(sim::sign_dispute(group_, out.info.epoch, id, kCheat));
    return out;
  }

  struct Ran {
    int status = -1;
    std::string out;
  };
  Ran quorate(const std::string& arguments) const {
    const std::string command = std::string(QUORATE_CLI) + " " + arguments + " > " + (dir_ / "out").string() + " 2>&1";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(dir_ / "out")};
  }
  Ran judge(const std::string& text, const std::string& more = "") const {
    return quorate("blame verify " + write("evidence.json", text).string() + " --group " + (dir_ / "group.json").string() + " " + more);
  }

  const Curve& curve_ = Curve::p256();
  sim::SeededRng rng_{3};
  sim::DealtGroup group_ = sim::deal_key(curve_, 3, 2, rng_);
  sim::DealtBatch batch_ = (sim::confirm_epoch(group_), sim::deal_batch(group_, {1, 2}, 2, rng_));
  fs::path dir_;
};

TEST_F(EvidenceTest, EveryKindIsReadBackAsWritten) {
  for (const BlameEvidence& evidence : {BlameEvidence(bad_partial()), BlameEvidence(contradiction()), BlameEvidence(disputes())}) {
    const auto file = load_evidence(write("e.json", evidence_text(kCluster, evidence)));
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(file->cluster, kCluster);
    EXPECT_EQ(file->kind(), kind_of(evidence));
    EXPECT_EQ(file->culprit(), kCheat);
    EXPECT_EQ(wire::encode_blame(std::get<BlameEvidence>(file->evidence)), wire::encode_blame(evidence));
  }
}

TEST_F(EvidenceTest, WhatTheFileSaysBesideTheEvidenceMustBeWhatTheEvidenceSays) {
  const json good = json::parse(evidence_text(kCluster, bad_partial()));
  const auto refused = [&](const char* key, const json& value) {
    json bad = good;
    if (value.is_null()) {
      bad.erase(key);
    } else {
      bad[key] = value;
    }
    const auto file = load_evidence(write("e.json", bad.dump()));
    ASSERT_FALSE(file) << key;
    EXPECT_THAT(file.error(), HasSubstr(key));
  };
  refused("culprit", 1);
  refused("culprit", 17);
  refused("kind", "disputes");
  refused("kind", "keygen");
  refused("epoch", std::string(64, '0'));
  refused("key", std::string(64, '0'));
  refused("presignature", PresignatureId{batch_.context.sid, 1}.str());
  refused("evidence", "AAAA");
  refused("evidence", "no base64");
  refused("identities", "1234");
  for (const auto& [key, value] : good.items()) refused(key.c_str(), nullptr);
}

TEST_F(EvidenceTest, AFolderKeepsOneFileForAPresignatureAndOverwritesNothing) {
  fs::create_directory(dir_ / "kept");
  const auto folder = EvidenceFolder::open(dir_ / "kept");
  ASSERT_TRUE(folder);
  const auto first = (*folder)->save(kCluster, bad_partial());
  ASSERT_TRUE(first) << first.error();
  const std::string text = read(*first);
  EXPECT_TRUE(load_evidence(*first));
  const auto again = (*folder)->save(kCluster, bad_partial(0, 2));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *first);
  EXPECT_EQ(read(*first), text) << "overwritten";
  EXPECT_NE(*(*folder)->save(kCluster, bad_partial(1)), *first);
  EXPECT_NE(*(*folder)->save(kCluster, contradiction()), *first);
  EXPECT_NE(*(*folder)->save(kCluster, disputes()), *first);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "kept"), {}), 4);
}

TEST_F(EvidenceTest, AFullFolderTakesNoMoreAndSaysSo) {
  fs::create_directory(dir_ / "kept");
  const auto folder = EvidenceFolder::open(dir_ / "kept");
  for (std::size_t i = 0; i < EvidenceFolder::kMaxFiles; ++i) write("kept/" + std::to_string(i), "");
  const auto saved = (*folder)->save(kCluster, bad_partial());
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error(), HasSubstr("move them away"));
  fs::remove(dir_ / "kept/0");
  EXPECT_TRUE((*folder)->save(kCluster, bad_partial()));
}

TEST_F(EvidenceTest, AFolderWorksAfterItsPathIsGone) {
  fs::create_directory(dir_ / "kept");
  const auto folder = EvidenceFolder::open(dir_ / "kept");
  fs::rename(dir_ / "kept", dir_ / "moved");
  EXPECT_TRUE((*folder)->save(kCluster, bad_partial()));
  EXPECT_FALSE(fs::is_empty(dir_ / "moved"));
  EXPECT_FALSE(EvidenceFolder::open(dir_ / "kept"));
}

TEST_F(EvidenceTest, WhatAHostileFileSaysReachesNoTerminalAsControlCharacters) {
  auto object = json::parse(evidence_text(kCluster, bad_partial()));
  object["x\u001b]0;title\u0007\n\u009b2J"] = 1;
  for (const auto& text : {object.dump(), std::string("{\"\\u001b[2J\": 1, \"\\u001b[2J\": 2}"), std::string("{\"a\": \x1b\x7f\xc2\x9b}")}) {
    const auto refused = load_evidence(write("hostile.json", text));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().find_first_of(std::string("\x1b\x07\n\x7f\x9b", 5)), std::string::npos) << refused.error();
  }
}

TEST_F(EvidenceTest, TheLogTellsWhatIsConfirmedAndHowToCheckIt) {
  fs::create_directory(dir_ / "kept");
  const auto folder = EvidenceFolder::open(dir_ / "kept");
  std::vector<std::pair<int, std::string>> log;
  const Log sink = [&](int level, std::string_view text) { log.emplace_back(level, text); };
  coordinator::Verdict verdict;
  verdict.quorum = {1, 2};
  verdict.proven.push_back({kCheat, bad_partial()});
  verdict.suspected.push_back({3, "refused", true});
  report_verdict(verdict, kCluster, folder->get(), sink);
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].first, kLogError);
  EXPECT_THAT(log[0].second, HasSubstr("signer 2 gave a wrong partial signature confirmed=\"yes\"; evidence in " + dir_.string()));
  EXPECT_THAT(log[1].second, HasSubstr("signer 3 is suspected confirmed=\"no\": refused"));
  const auto at = log[0].second.find("quorate blame verify ") + 21;
  const std::string file = log[0].second.substr(at, log[0].second.find(" --group") - at);
  EXPECT_EQ(quorate("blame verify " + file + " --group " + (dir_ / "group.json").string()).status, 0) << file;
}

TEST_F(EvidenceTest, TheCommandProvesEveryKind) {
  const struct {
    BlameEvidence evidence;
    const char* says;
  } cases[] = {{bad_partial(), "partial signature that does not fit"},
               {contradiction(), "two different rows"},
               {disputes(), "in dispute with signers 1,3"}};
  for (const auto& each : cases) {
    const auto ran = judge(evidence_text(kCluster, each.evidence));
    EXPECT_EQ(ran.status, 0) << ran.out;
    EXPECT_THAT(ran.out, HasSubstr("proven: signer 2 of cluster example"));
    EXPECT_THAT(ran.out, HasSubstr(each.says));
    const auto as_json = json::parse(judge(evidence_text(kCluster, each.evidence), "--json").out);
    EXPECT_EQ(as_json.at("proven"), true);
    EXPECT_EQ(as_json.at("culprit"), 2);
    EXPECT_EQ(as_json.at("key_compared"), false);
  }
}

TEST_F(EvidenceTest, TheCommandDoesNotProveWhatIsNotTrue) {
  auto honest = judge(evidence_text(kCluster, bad_partial(0, 0)));
  EXPECT_EQ(honest.status, 1);
  EXPECT_THAT(honest.out, HasSubstr("not proven: the partial signature of signer 2 is right"));
  auto forged = bad_partial();
  forged.partial.content.push_back('!');
  EXPECT_EQ(judge(evidence_text(kCluster, forged)).status, 1);
  EXPECT_EQ(judge(evidence_text("other", bad_partial())).status, 1);
  EXPECT_EQ(judge("{}").status, 1);
  EXPECT_EQ(judge("garbage").status, 1);
  const auto as_json = json::parse(judge(evidence_text(kCluster, forged), "--json").out);
  EXPECT_EQ(as_json.at("proven"), false);
  EXPECT_TRUE(as_json.at("reason").is_string());
}

TEST_F(EvidenceTest, TheIdentityKeysAreThoseOfTheGroupDescription) {
  // The same cluster name, other keys: the evidence's own signatures are of no use there.
  const auto strangers = sim::deal_key(curve_, 3, 2, rng_);
  write("group.json", group_text(group_file(strangers.identities, kCluster)));
  for (const BlameEvidence& evidence : {BlameEvidence(bad_partial()), BlameEvidence(contradiction()), BlameEvidence(disputes())})
    EXPECT_EQ(judge(evidence_text(kCluster, evidence)).status, 1);
}

TEST_F(EvidenceTest, TheCommandHoldsTheEvidenceAgainstTheKeyThatItIsGiven) {
  const auto pem = [&](const std::string& name, const Point& X) {
    return "--key " + write(name, "-----BEGIN PUBLIC KEY-----\n" + to_base64(spki_der(X)) + "\n-----END PUBLIC KEY-----\n").string();
  };
  const auto text = evidence_text(kCluster, bad_partial());
  EXPECT_EQ(judge(text, pem("key.pem", group_.info().X)).status, 0);
  const auto other = judge(text, pem("other.pem", Point::generator(curve_)));
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.out, HasSubstr("it is about key"));
}

TEST_F(EvidenceTest, UnusableFilesAreAUsageError) {
  const auto text = evidence_text(kCluster, bad_partial());
  EXPECT_EQ(judge(text, "--key " + (dir_ / "missing.pem").string()).status, 2);
  EXPECT_EQ(judge(text, "--no-such-option").status, 2);
  EXPECT_EQ(quorate("blame verify /no/such/file --group " + (dir_ / "group.json").string()).status, 2);
  EXPECT_EQ(quorate("blame verify " + write("e.json", text).string() + " --group /no/such/group").status, 2);
  EXPECT_EQ(quorate("blame verify " + write("e.json", text).string()).status, 2);
  EXPECT_EQ(quorate("blame").status, 2);
}

TEST_F(EvidenceTest, EvidenceOfAFailedKeyGenerationIsVerifiedByTheSameCommand) {
  sim::KeygenDriver driver(curve_, {1, 2, 3}, 2, 7, "test");
  sim::KeygenDriver::Hooks hooks;
  hooks.round3 = [&](PartyId to, Inbox<KeygenMsg3>& inbox) {
    if (to == kCheat) return;
    inbox.at(kCheat).share[30] ^= 1;
    driver.sign_as(kCheat, to, 3, inbox.at(kCheat));
  };
  auto outcome = driver.run(hooks);
  ASSERT_FALSE(outcome.at(1));
  ASSERT_TRUE(outcome.at(1).error().evidence);
  const KeygenEvidence evidence = *outcome.at(1).error().evidence;
  write("group.json", group_text(group_file(driver.identities, kCluster)));
  const auto ran = judge(evidence_text(kCluster, evidence));
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("proven: signer 2 of cluster example broke the rules of key generation: BadShare"));
  auto kept_by_signer = json::parse(evidence_text(kCluster, evidence));
  kept_by_signer.erase("cluster");
  const auto kept = judge(kept_by_signer.dump());
  EXPECT_EQ(kept.status, 0) << kept.out;
  auto framed = evidence;
  framed.culprit = 1;
  EXPECT_EQ(judge(evidence_text(kCluster, framed)).status, 1);
  framed = evidence;
  framed.fault = Fault::Malformed;
  EXPECT_EQ(judge(evidence_text(kCluster, framed)).status, 1);
}

}  // namespace
}  // namespace quorate::net
