// signerd.json: the committed sample, what bounds presigning, and the key that shares were sealed under before.
#include "signerd/config.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "test/sim/seeded_rng.h"
#include "test/sim/test_pki.h"

namespace quorate::signerd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class SignerdConfigTest : public testing::Test {
 protected:
  SignerdConfigTest() : dir_(fs::temp_directory_path() / ("quorate-sc-" + std::to_string(::getpid()))) {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    std::ifstream in(std::string(QUORATE_SOURCE_ROOT) + "/conf/signerd.json");
    config_ = json::parse(in);
    std::vector<net::MemberRecord> records;
    for (PartyId id = 1; id <= 2; ++id) {
      const IdentityKey key = IdentityKey::from_seed(secret(id));
      net::MemberRecord record{"prod", id, "10.0.0." + std::to_string(id) + ":7400", key.public_key(), {}};
      record.signature = key.sign(record.digest());
      records.push_back(record);
    }
    write("group.json", net::group_text(*net::assemble_group(records)));
    write_secret("identity.key", 1);
    write_secret("state.key", 8);
    const auto issued = ca_.issue("quorate:prod/signer/1");
    write("tls.crt", issued.certificate);
    write("tls.key", issued.key);
    write("ca.crt", ca_.certificate());
  }
  ~SignerdConfigTest() override { fs::remove_all(dir_); }

  static StateKey secret(std::uint64_t seed) { return StateKey(sim::SeededRng(seed).make<std::array<std::uint8_t, 32>>()); }
  void write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  void write_secret(const std::string& name, std::uint64_t seed) { ASSERT_TRUE(write_key_file(dir_ / name, secret(seed))); }
  Result<Config, std::string> load() {
    write("signerd.json", config_.dump());
    return load_config(dir_ / "signerd.json");
  }
  std::string error() {
    auto loaded = load();
    return loaded ? "none" : loaded.error();
  }

  fs::path dir_;
  test::TestCa ca_;
  json config_;
};

TEST_F(SignerdConfigTest, the_sample_is_taken_as_it_stands) {
  const auto config = load();
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->id, 1);
  EXPECT_EQ(config->pool.survive, 2U);
  EXPECT_EQ(config->presign_max_cpu, 1.0) << "no bound unless one is given";
  EXPECT_EQ(config->presign_max_mbit, 0.0);
  EXPECT_FALSE(config->former_state_key);
  EXPECT_EQ(config->state_key.reveal(), secret(8).reveal());
}

TEST_F(SignerdConfigTest, what_presigning_may_take_is_read_and_its_edges_are_held) {
  auto& presign = config_["presign"];
  presign["max_cpu"] = 0.25;
  presign["max_mbit"] = 12.5;
  const auto config = load();
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->presign_max_cpu, 0.25);
  EXPECT_EQ(config->presign_max_mbit, 12.5);
  for (const json& good : {json(0.01), json(1)}) {
    presign["max_cpu"] = good;
    EXPECT_EQ(error(), "none") << good;
  }
  for (const json& bad : {json(0), json(0.009), json(1.01), json(-1), json("1")}) {
    presign["max_cpu"] = bad;
    EXPECT_THAT(error(), HasSubstr("presign.max_cpu: ")) << bad;
  }
  presign["max_cpu"] = 1;
  for (const json& good : {json(0), json(1e6)}) {
    presign["max_mbit"] = good;
    EXPECT_EQ(error(), "none") << good;
  }
  for (const json& bad : {json(-1), json(1e6 + 1), json("fast")}) {
    presign["max_mbit"] = bad;
    EXPECT_THAT(error(), HasSubstr("presign.max_mbit: ")) << bad;
  }
}

TEST_F(SignerdConfigTest, the_former_state_key_is_read_beside_the_new_one_and_kept_as_secret) {
  config_["former_state_key"] = "former.key";
  EXPECT_THAT(error(), HasSubstr("former.key"));
  write_secret("former.key", 9);
  const auto config = load();
  ASSERT_TRUE(config) << config.error();
  ASSERT_TRUE(config->former_state_key);
  EXPECT_EQ(config->former_state_key->reveal(), secret(9).reveal());
  EXPECT_EQ(config->state_key.reveal(), secret(8).reveal());
  ASSERT_EQ(::chmod((dir_ / "former.key").c_str(), 0640), 0);
  EXPECT_THAT(error(), HasSubstr("former.key: others may read this key"));
  ASSERT_EQ(::chmod((dir_ / "former.key").c_str(), 0600), 0);
  write("former.key", "not hexadecimal");
  EXPECT_THAT(error(), HasSubstr("former.key: expected 64 hexadecimal digits"));
}

}  // namespace
}  // namespace quorate::signerd
