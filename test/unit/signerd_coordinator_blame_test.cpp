// coordinatord itself, a front end before it and signers behind it, one of which lies: what the front end gets, and
// what is kept of the lie.
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "protocol/wire/blame_codec.h"
#include "signerd/coordinator_server.h"
#include "test/sim/fake_signers.h"
#include "test/unit/eventually.h"

namespace quorate::signerd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using quorate::test::eventually;
using quorate::test::FakeSigners;
using testing::HasSubstr;

constexpr PartyId kCheat = 2;

class CoordinatorBlameTest : public testing::Test {
 protected:
  CoordinatorBlameTest() : dir_(fs::temp_directory_path() / ("quorate-cb-" + std::to_string(::getpid()))) {
    fs::remove_all(dir_);
    fs::create_directories(dir_ / "evidence");
    config_.cluster = "test";
    config_.listen_host = "127.0.0.1";
    for (PartyId id = 1; id <= 3; ++id) config_.signers.push_back({id, "127.0.0.1", signers_.port(id), signers_.identity(id)});
    config_.keys.push_back({"www", make_key_file(signers_.key().point, "test")});
    config_.policy = Policy::defaults();
    config_.audit_file = dir_ / "audit.log";
    config_.evidence = *net::EvidenceFolder::open(dir_ / "evidence");
    config_.log_level = "error";
    config_.tls = signers_.ca().identity("quorate:test/coordinator/c1");
  }
  ~CoordinatorBlameTest() override {
    stop();
    fs::remove_all(dir_);
  }
  void start() {
    auto server = CoordinatorServer::start(config_);
    ::prctl(PR_SET_DUMPABLE, 1);  // LeakSanitizer attaches to its process at the end
    ASSERT_TRUE(server) << server.error();
    server_ = std::move(server).value();
    thread_ = std::thread([this] { server_->run(); });
    auto front = signers_.config("web");
    front.mode = net::SignMode::Tier;
    front.signers.clear();
    front.coordinators = {{"c1", "127.0.0.1", server_->port()}};
    client_.emplace(std::move(front));
    client_->add_key(signers_.key());
    client_->warm_up();
  }
  void stop() {
    client_.reset();
    if (!thread_.joinable()) return;
    server_->stop();
    thread_.join();
  }
  /// Through the coordinator; true for a signature that verifies.
  bool signs() {
    std::string text(64, ' ');
    text += "TLS 1.3, server CertificateVerify";
    text += '\0';
    text.append(30, '\x11');
    text += static_cast<char>(++number_);
    text += static_cast<char>(number_ >> 8);
    const Bytes content(text.begin(), text.end());
    const auto signature = client_->sign(signers_.key().id, wire::Context::Tls13ServerCertificateVerify,
                                         wire::DigestAlgorithm::Sha256, content);
    EXPECT_TRUE(signature) << signature.error().what();
    return signature && quorate::test::verifies(signers_.key(), wire::DigestAlgorithm::Sha256, content, signature->r, signature->s);
  }
  /// No signature may fail meanwhile.
  bool signs_until(const std::function<bool()>& done) {
    return eventually([&] {
      EXPECT_TRUE(signs());
      return done();
    });
  }
  void expect_not_asked_again() {
    EXPECT_TRUE(signs());  // what was under way is over
    const auto before = signers_.partials(kCheat);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs());
    EXPECT_EQ(signers_.partials(kCheat), before);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(dir_ / "evidence"))
      if (entry.path().filename().string().front() != '.') out.push_back(entry.path());
    return out;
  }
  /// Of that outcome; the coordinator has to be stopped.
  std::vector<json> audit(const std::string& outcome) const {
    std::vector<json> out;
    std::ifstream in(dir_ / "audit.log");
    for (std::string line; std::getline(in, line);)
      if (auto parsed = json::parse(line); parsed.at("outcome") == outcome) out.push_back(std::move(parsed));
    return out;
  }
  Identities pinned() const {
    Identities out;
    for (const auto& signer : config_.signers) out[signer.id] = signer.identity;
    return out;
  }
  bool convicts(const BlameEvidence& evidence) const {
    const auto culprit = verify(evidence, pinned(), signers_.key().id);
    return culprit && *culprit == kCheat;
  }

  fs::path dir_;
  FakeSigners signers_;
  CoordinatorConfig config_;
  std::unique_ptr<CoordinatorServer> server_;
  std::thread thread_;
  std::optional<net::SignClient> client_;
  unsigned number_ = 0;
};

TEST_F(CoordinatorBlameTest, ALieCostsTheFrontEndNothingAndIsProvenKeptAndPassedOn) {
  signers_.set_lying(kCheat, true);
  start();
  ASSERT_TRUE(signs_until([&] { return !files().empty(); }));
  for (const PartyId other : {PartyId{1}, PartyId{3}}) {
    ASSERT_TRUE(eventually([&] { return !signers_.notices(other).empty(); })) << "signer " << int{other};
    const auto notice = wire::decode_blame(signers_.notices(other).front());
    EXPECT_TRUE(notice && convicts(*notice));
  }
  EXPECT_TRUE(signers_.notices(kCheat).empty());
  expect_not_asked_again();
  stop();

  for (const auto& path : files()) {
    const auto file = net::load_evidence(path);
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(file->cluster, "test");
    EXPECT_EQ(file->kind(), "bad-partial");
    EXPECT_TRUE(convicts(std::get<BlameEvidence>(file->evidence)));
  }
  bool again = false;
  for (const auto& line : audit("signed")) {
    EXPECT_EQ(line.at("quorum"), (std::vector<int>{1, 3})) << "the only one without the liar";
    again |= line.at("attempts") > 1;
  }
  EXPECT_TRUE(again) << "no request met the lie";
  EXPECT_TRUE(audit("failed").empty());
  const auto blamed = audit("blamed");
  ASSERT_FALSE(blamed.empty());
  for (const auto& line : blamed) {
    EXPECT_EQ(line.at("signer"), kCheat);
    EXPECT_EQ(line.at("confirmed"), true);
    EXPECT_EQ(line.at("reason"), "bad-partial");
    EXPECT_EQ(line.at("key"), "www");
    EXPECT_THAT(line.at("quorum").get<std::vector<int>>(), testing::Contains(int{kCheat}));
  }
}

TEST_F(CoordinatorBlameTest, ALieThatIsNotConfirmedIsAuditedButProvesNothing) {
  signers_.set_lying(kCheat, true);
  signers_.set_denying(kCheat, true);
  start();
  ASSERT_TRUE(signs_until([&] { return signers_.confirms(kCheat) > 0; }));
  ASSERT_TRUE(signs_until([&] {
    const auto before = signers_.partials(kCheat);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(signs());
    return signers_.partials(kCheat) == before;
  }));
  stop();
  const auto blamed = audit("blamed");
  ASSERT_FALSE(blamed.empty());
  for (const auto& line : blamed) {
    EXPECT_EQ(line.at("signer"), kCheat);
    EXPECT_EQ(line.at("confirmed"), false);
    EXPECT_THAT(line.at("reason").get<std::string>(), HasSubstr("no such partial is remembered"));
  }
  EXPECT_TRUE(files().empty());
  for (PartyId id = 1; id <= 3; ++id) EXPECT_TRUE(signers_.notices(id).empty());
}

TEST_F(CoordinatorBlameTest, WithoutADirectoryTheLieIsPassedOnAllTheSame) {
  config_.evidence = nullptr;
  signers_.set_lying(kCheat, true);
  start();
  ASSERT_TRUE(signs_until([&] { return !signers_.notices(1).empty() && !signers_.notices(3).empty(); }));
  expect_not_asked_again();
  stop();
  EXPECT_TRUE(files().empty());
  EXPECT_FALSE(audit("blamed").empty());
}

TEST_F(CoordinatorBlameTest, ASignerWithAnotherIdentityKeyThanThatOfTheConfigurationIsNotAsked) {
  net::SystemRng rng;
  config_.signers[kCheat - 1].identity = IdentityKey::generate(rng).public_key();
  start();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs());
  EXPECT_EQ(signers_.partials(kCheat), 0u);
}

}  // namespace
}  // namespace quorate::signerd
