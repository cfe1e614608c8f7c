// coordinatord.json: the committed sample, and everything that is wrong with others.
#include "signerd/coordinator_config.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "test/sim/test_pki.h"

namespace quorate::signerd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class CoordinatorConfigTest : public testing::Test {
 protected:
  CoordinatorConfigTest() : dir_(fs::temp_directory_path() / ("quorate-cc-" + std::to_string(::getpid()))) {
    fs::create_directories(dir_ / "evidence");
    std::ifstream in(std::string(QUORATE_SOURCE_ROOT) + "/conf/coordinatord.json");
    config_ = json::parse(in);
    write("www.pem", encode_key_file_pem(make_key_file(Point::generator(Curve::p256()), "prod")));
    certify("quorate:prod/coordinator/c1");
  }
  ~CoordinatorConfigTest() override { fs::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream out(dir_ / name);
    out << text;
  }
  void certify(const std::string& uri) {
    const auto issued = ca_.issue(uri);
    write("tls.crt", issued.certificate);
    write("tls.key", issued.key);
    write("ca.crt", ca_.certificate());
  }
  Result<CoordinatorConfig, std::string> load() {
    write("coordinatord.json", config_.dump());
    return load_coordinator_config(dir_ / "coordinatord.json");
  }
  std::string error() {
    auto loaded = load();
    return loaded ? "none" : loaded.error();
  }

  fs::path dir_;
  test::TestCa ca_;
  json config_;
};

TEST_F(CoordinatorConfigTest, TheSampleIsTakenAsItStands) {
  auto config = load();
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->cluster, "prod");
  EXPECT_EQ(config->listen_port, 7500);
  ASSERT_EQ(config->signers.size(), 3u);
  EXPECT_EQ(config->signers[2].id, 3);
  EXPECT_EQ(config->signers[2].host, "10.0.0.3");
  ASSERT_EQ(config->keys.size(), 1u);
  EXPECT_EQ(config->keys[0].name, "www");
  EXPECT_EQ(config->keys[0].file.X, Point::generator(Curve::p256()));
  EXPECT_EQ(config->max_in_flight_each, 256u);
  EXPECT_EQ(config->tls.self().name, "c1");
  EXPECT_TRUE(config->evidence);
  ASSERT_EQ(config->policy.size(), 1u);
  EXPECT_EQ(config->policy[0].rate, 1000);
}

TEST_F(CoordinatorConfigTest, LimitsPolicyAuditEvidenceAndLevelMayBeLeftOut) {
  for (const auto* name : {"limits", "policy", "audit", "evidence", "log_level"}) config_.erase(name);
  auto config = load();
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->max_in_flight, 1024u);
  EXPECT_EQ(config->policy.size(), Policy::defaults().size());
  EXPECT_FALSE(config->audit_file);
  EXPECT_FALSE(config->evidence);
}

TEST_F(CoordinatorConfigTest, WhatIsWrongIsNamed) {
  const json good = config_;
  const auto with = [&](const json::json_pointer& where, json value) {
    config_ = good;
    config_[where] = std::move(value);
    return error();
  };
  EXPECT_THAT(with("/signers/1/id"_json_pointer, 1), HasSubstr("signers[1].id: is given twice"));
  EXPECT_THAT(with("/signers/1/identity"_json_pointer, "00"), HasSubstr("signers[1].identity"));
  EXPECT_THAT(with("/signers/1/identity"_json_pointer, good["signers"][0]["identity"]), HasSubstr("is given twice"));
  EXPECT_THAT(with("/listen"_json_pointer, "here"), HasSubstr("listen"));
  EXPECT_THAT(with("/keys"_json_pointer, json::array()), HasSubstr("keys"));
  EXPECT_THAT(with("/keys/0/name"_json_pointer, "a/b"), HasSubstr("keys[0].name"));
  EXPECT_THAT(with("/keys/1"_json_pointer, good["keys"][0]), HasSubstr("keys[1].name: is given twice"));
  EXPECT_THAT(with("/keys/1"_json_pointer, json{{"name", "again"}, {"file", "www.pem"}}), HasSubstr("once more"));
  EXPECT_THAT(with("/keys/0/file"_json_pointer, "none.pem"), HasSubstr("none.pem"));
  EXPECT_THAT(with("/limits/max_in_flight"_json_pointer, 0), HasSubstr("limits.max_in_flight"));
  EXPECT_THAT(with("/policy/0/contexts/0"_json_pointer, "digest"), HasSubstr("a bare digest is never signed"));
  EXPECT_THAT(with("/extra"_json_pointer, 1), HasSubstr("extra: unknown key"));
}

TEST_F(CoordinatorConfigTest, ADirectoryForEvidenceHasToBeThereAndWritable) {
  config_["evidence"] = "none";
  EXPECT_THAT(error(), HasSubstr("/none: cannot be opened as a directory"));
  EXPECT_THAT(error(), HasSubstr("evidence: "));
  config_["evidence"] = "www.pem";
  EXPECT_THAT(error(), HasSubstr("/www.pem: cannot be opened as a directory"));
  config_["evidence"] = 1;
  EXPECT_THAT(error(), HasSubstr("evidence: expected"));
  config_["evidence"] = "evidence";
  fs::permissions(dir_ / "evidence", fs::perms::owner_read | fs::perms::owner_exec);
  // Root may write anywhere.
  EXPECT_THAT(error(), HasSubstr(::geteuid() == 0 ? "none" : "/evidence: no file can be made there"));
}

TEST_F(CoordinatorConfigTest, KeysAndCertificateHaveToBeOfThisCluster) {
  write("www.pem", encode_key_file_pem(make_key_file(Point::generator(Curve::p256()), "elsewhere")));
  EXPECT_THAT(error(), HasSubstr("is a key of cluster 'elsewhere', not 'prod'"));
  write("www.pem", "-----BEGIN PUBLIC KEY-----\n");
  EXPECT_THAT(error(), HasSubstr("no usable key file"));
  write("www.pem", encode_key_file_pem(make_key_file(Point::generator(Curve::p256()), "prod")));
  for (const auto* uri : {"quorate:prod/frontend/c1", "quorate:prod/signer/1", "quorate:other/coordinator/c1"}) {
    certify(uri);
    EXPECT_THAT(error(), HasSubstr("not for a coordinator of prod"));
  }
}

}  // namespace
}  // namespace quorate::signerd
