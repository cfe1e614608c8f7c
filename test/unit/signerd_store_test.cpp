#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "signerd/config.h"
#include "signerd/disputes.h"
#include "signerd/durable_file.h"
#include "signerd/share_store.h"
#include "test/sim/keygen_driver.h"
#include "test/sim/seeded_rng.h"

namespace quorate::signerd {
namespace {

namespace fs = std::filesystem;

class Store : public testing::Test {
 protected:
  Store() : directory(fs::path(testing::TempDir()) / ("store-" + std::to_string(::getpid()) + "-" +
                      testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(directory);
    fs::create_directories(directory);
  }
  ~Store() override { fs::remove_all(directory); }
  static StateKey key(std::uint64_t seed) { return StateKey(sim::SeededRng(seed).make<std::array<std::uint8_t, 32>>()); }
  ShareStore open(PartyId me = 1, std::uint64_t seed = 1) { return *ShareStore::open(directory / "state", key(seed), me); }
  static KeyShare make_share(const Curve& curve) { return std::move(sim::KeygenDriver(curve, {1, 2, 3}, 2, 5, "key").run().at(1)).value(); }
  fs::path directory;
};

TEST_F(Store, a_share_comes_back_as_it_was) {
  for (const Curve* curve : {&Curve::p256(), &Curve::p384()}) {
    const KeyShare share = make_share(*curve);
    ASSERT_TRUE(open().save(share));
    auto loaded = open().load();
    ASSERT_TRUE(loaded) << loaded.error();
    ASSERT_EQ(loaded->size(), 1U);
    EXPECT_EQ(loaded->front().info.epoch, share.info.epoch);
    EXPECT_TRUE(confirmations_valid(loaded->front().info));
    EXPECT_EQ(loaded->front().x_i.montgomery(), share.x_i.montgomery());
    fs::remove_all(directory / "state");
  }
}

TEST_F(Store, a_prepared_share_stays_prepared) {
  KeyShare share = make_share(Curve::p256());
  share.info.confirmations.erase(2);
  ASSERT_TRUE(open().save(share));
  auto loaded = open().load();
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->front().info.confirmations.size(), 2U);
  EXPECT_FALSE(confirmations_valid(loaded->front().info));
}

TEST_F(Store, the_share_does_not_stand_in_the_file_and_nobody_else_may_read_it) {
  const KeyShare share = make_share(Curve::p256());
  ASSERT_TRUE(open().save(share));
  Bytes x(32);
  share.x_i.encode(x);
  for (const auto& entry : fs::directory_iterator(directory / "state")) {
    if (entry.path().extension() != ".share") continue;
    const Bytes file = *read_file(entry.path(), 1 << 20);
    EXPECT_EQ(std::search(file.begin(), file.end(), x.begin(), x.end()), file.end());
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
  }
}

TEST_F(Store, shares_of_the_former_state_key_are_sealed_anew_and_need_it_no_more) {
  const KeyShare share = make_share(Curve::p256());
  ASSERT_TRUE(open(1, 1).save(share));
  auto store = open(1, 2);
  ASSERT_FALSE(store.load());
  EXPECT_EQ(*store.tidy(key(3)), 0U) << "neither key opens it";
  EXPECT_EQ(*store.tidy(std::nullopt), 0U);
  ASSERT_FALSE(store.load());
  EXPECT_EQ(*store.tidy(key(1)), 1U);
  EXPECT_EQ(*store.tidy(key(1)), 0U) << "done";
  ASSERT_TRUE(open(1, 2).load());
  EXPECT_EQ(open(1, 2).load()->front().x_i.montgomery(), share.x_i.montgomery());
  EXPECT_FALSE(open(1, 1).load());
  EXPECT_EQ(*open(2, 3).tidy(key(2)), 0U) << "of another signer";
}

TEST_F(Store, a_wiped_share_is_gone_and_a_half_wiped_one_goes_later) {
  const KeyShare share = make_share(Curve::p256());
  const auto file = directory / "state" / (share.info.epoch.hex() + ".share");
  auto store = open();
  ASSERT_TRUE(store.save(share));
  ASSERT_TRUE(store.wipe(share.info.epoch));
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(store.load()->empty());
  EXPECT_TRUE(store.wipe(share.info.epoch)) << "nothing left to do";
  ASSERT_TRUE(store.save(share));
  fs::rename(file, file.string() + ".wiped");
  EXPECT_TRUE(store.load()->empty());
  ASSERT_TRUE(store.tidy(std::nullopt));
  EXPECT_FALSE(fs::exists(file.string() + ".wiped"));
  ASSERT_TRUE(store.save(share));
  fs::rename(file, file.string() + ".wiped");
  EXPECT_TRUE(store.wipe(share.info.epoch));
  EXPECT_FALSE(fs::exists(file.string() + ".wiped"));
}

TEST_F(Store, what_a_write_that_was_cut_short_left_of_a_share_goes_with_it_and_at_the_next_start) {
  const KeyShare share = make_share(Curve::p256());
  ASSERT_TRUE(open().save(share));
  const auto file = directory / "state" / (share.info.epoch.hex() + ".share"), left = fs::path(file.string() + ".tmp");
  fs::copy(file, left);
  ASSERT_TRUE(open().wipe(share.info.epoch));
  EXPECT_FALSE(fs::exists(left));

  ASSERT_TRUE(open().save(share));
  fs::copy(file, left);
  ASSERT_TRUE(open().tidy(std::nullopt));
  EXPECT_EQ(open().load()->size(), 1U);
  for (const auto& entry : fs::directory_iterator(directory / "state"))
    EXPECT_TRUE(entry.path() == file || entry.is_directory()) << entry.path();
}

TEST_F(Store, another_state_key_another_signer_or_any_damage_is_an_error_that_names_the_file) {
  ASSERT_TRUE(open().save(make_share(Curve::p256())));
  EXPECT_FALSE(open(1, 2).load());
  EXPECT_FALSE(open(2, 1).load());
  fs::path file;
  for (const auto& entry : fs::directory_iterator(directory / "state"))
    if (entry.path().extension() == ".share") file = entry.path();
  const Bytes good = *read_file(file, 1 << 20);
  for (std::size_t at = 0; at < good.size(); at += 37) {
    Bytes bad = good;
    bad[at] ^= 1;
    ASSERT_TRUE(write_durably(file, bad, 0600));
    auto loaded = open().load();
    ASSERT_FALSE(loaded) << at;
    EXPECT_NE(loaded.error().find(file.filename().string()), std::string::npos);
  }
  for (std::size_t size : {std::size_t{0}, std::size_t{10}, good.size() / 2, good.size() - 1}) {
    ASSERT_TRUE(write_durably(file, ByteView(good).first(size), 0600));
    EXPECT_FALSE(open().load());
  }
  ASSERT_TRUE(write_durably(file, good, 0600));
  EXPECT_TRUE(open().load());
  fs::rename(file, file.parent_path() / (std::string(64, 'a') + ".share"));
  EXPECT_FALSE(open().load()) << "a renamed share is not another epoch";
}

TEST_F(Store, a_torn_write_leaves_the_old_version) {
  ASSERT_TRUE(open().save(make_share(Curve::p256())));
  std::ofstream(directory / "state" / "x.share.tmp") << "half of a new";
  EXPECT_TRUE(open().load());
}

TEST_F(Store, a_ceremony_is_joined_once_also_after_a_restart) {
  const auto id = sim::SeededRng(3).make_id<CeremonyId>();
  EXPECT_TRUE(*open().join(id));
  EXPECT_FALSE(*open().join(id));
}

TEST_F(Store, disputes_survive_a_restart_and_block_pair_and_quorum) {
  sim::SeededRng rng(4);
  const auto epoch = rng.make_id<EpochId>();
  const auto key = rng.make_id<KeyId>(), other_key = rng.make_id<KeyId>();
  const fs::path file = directory / "disputes.json";
  {
    auto disputes = *Disputes::open(file);
    ASSERT_TRUE(disputes.add_pair(epoch, 3, 1, {Fault::OtCheck, Blame::pair(3, 1), "why \xff"}));
    ASSERT_TRUE(disputes.add_quorum(key, epoch, {1, 2, 4}, {Fault::RowSum, Blame::quorum(), ""}));
  }
  auto disputes = Disputes::open(file);
  ASSERT_TRUE(disputes) << disputes.error();
  EXPECT_TRUE(disputes->pair_blocked(1, 3));
  EXPECT_FALSE(disputes->pair_blocked(1, 2));
  for (const auto& any : {key, other_key}) EXPECT_TRUE(disputes->quorum_blocked(any, {1, 2, 3})) << "a pair in it";
  EXPECT_TRUE(disputes->quorum_blocked(key, {1, 2, 4}));
  EXPECT_FALSE(disputes->quorum_blocked(other_key, {1, 2, 4})) << "another key's";
  EXPECT_FALSE(disputes->quorum_blocked(key, {1, 2, 5}));
  EXPECT_EQ(disputes->entries()[0].fault, Fault::OtCheck);
  EXPECT_EQ(disputes->entries()[1].epoch, epoch);
  std::ofstream(file) << "{ \"disputes\": [ {} ] }";
  EXPECT_FALSE(Disputes::open(file));
}

TEST_F(Store, a_dispute_of_a_quorum_without_a_key_blocks_it_for_every_key) {
  const fs::path file = directory / "disputes.json";
  std::ofstream(file) << R"({"disputes": [{"time": "t", "epoch": ")" << EpochId{}.hex()
                      << R"(", "members": [1, 2], "quorum": true, "fault": "RowSum", "detail": ""}]})";
  auto disputes = Disputes::open(file);
  ASSERT_TRUE(disputes) << disputes.error();
  EXPECT_TRUE(disputes->quorum_blocked(sim::SeededRng(1).make_id<KeyId>(), {1, 2}));
}

TEST_F(Store, of_disputes_of_quorums_a_thousand_are_kept_and_no_pair_is_forgotten) {
  const auto file = directory / "disputes.json";
  std::vector<Quorum> quorums;
  for (unsigned bits = 0; quorums.size() < 1002; ++bits) {
    Quorum quorum;
    for (PartyId id = 1; id <= 15; ++id)
      if (bits >> (id - 1) & 1) quorum.push_back(id);
    if (quorum.size() == 8) quorums.push_back(std::move(quorum));
  }
  const auto entry = [](const std::string& members, bool whole) {
    return R"({"time":"t","epoch":")" + EpochId{}.hex() + R"(","members":[)" + members + R"(],"quorum":)" +
           (whole ? "true" : "false") + R"(,"fault":")" + std::string(name(Fault::SumCheck)) + R"(","detail":""})";
  };
  std::string text = R"({"disputes":[)" + entry("1,2", false);
  for (std::size_t i = 0; i < 1000; ++i) {
    std::string members;
    for (auto id : quorums[i]) members += (members.empty() ? "" : ",") + std::to_string(id);
    text += "," + entry(members, true);
  }
  std::ofstream(file) << text << "]}";
  auto disputes = *Disputes::open(file);
  const Abort why{Fault::SumCheck, Blame::quorum(), std::string(200, 'x')};
  for (std::size_t i = 1000; i < quorums.size(); ++i) ASSERT_TRUE(disputes.add_quorum(KeyId{}, EpochId{}, quorums[i], why));
  auto read = Disputes::open(file);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->size(), 1001U);
  EXPECT_TRUE(read->pair_blocked(1, 2));
  EXPECT_TRUE(std::none_of(read->entries().begin(), read->entries().end(), [&](const auto& e) { return e.members == quorums[1]; }));
  EXPECT_EQ(read->entries().back().members, quorums.back());
}

TEST_F(Store, disputes_with_an_unknown_fault_are_damaged) {
  const fs::path file = directory / "disputes.json";
  std::ofstream(file) << R"({"disputes": [{"time": "t", "epoch": ")" << EpochId{}.hex()
                      << R"(", "members": [1, 2], "quorum": true, "fault": "Rowsum", "detail": ""}]})";
  EXPECT_FALSE(Disputes::open(file));
}

TEST_F(Store, disputes_of_epochs_that_are_over_are_cleared_for_good_and_no_others) {
  sim::SeededRng rng(4);
  const auto old = rng.make_id<EpochId>(), active = rng.make_id<EpochId>();
  const fs::path file = directory / "disputes.json";
  auto disputes = *Disputes::open(file);
  ASSERT_TRUE(disputes.add_pair(old, 1, 2, {Fault::OtCheck, Blame::pair(1, 2), ""}));
  ASSERT_TRUE(disputes.add_pair(old, 1, 3, {Fault::OtCheck, Blame::pair(1, 3), ""}));
  ASSERT_TRUE(disputes.add_pair(active, 1, 3, {Fault::OtCheck, Blame::pair(1, 3), ""}));
  const auto over = [&](const EpochId& epoch) { return epoch != active; };
  EXPECT_EQ(disputes.clear(over).value(), 2U);
  for (const auto& list : {disputes, *Disputes::open(file)}) {
    EXPECT_FALSE(list.pair_blocked(1, 2));
    EXPECT_TRUE(list.pair_blocked(1, 3)) << "also in dispute in an epoch that goes on";
    EXPECT_EQ(list.size(), 1U);
  }
  EXPECT_EQ(disputes.clear(over).value(), 0U);
}

TEST_F(Store, disputes_that_cannot_be_cleared_on_disk_are_not_cleared) {
  fs::create_directories(directory / "gone");
  auto disputes = *Disputes::open(directory / "gone" / "disputes.json");
  ASSERT_TRUE(disputes.add_pair({}, 1, 2, {Fault::OtCheck, Blame::pair(1, 2), ""}));
  fs::remove_all(directory / "gone");
  EXPECT_FALSE(disputes.clear([](const EpochId&) { return true; }));
  EXPECT_TRUE(disputes.pair_blocked(1, 2));
  EXPECT_FALSE(disputes.unwritten());
}

TEST_F(Store, a_dispute_that_cannot_be_written_is_not_taken_for_known) {
  auto disputes = *Disputes::open(directory / "missing" / "disputes.json");
  const Abort why{Fault::OtCheck, Blame::pair(1, 2), ""};
  EXPECT_FALSE(disputes.add_pair({}, 1, 2, why));
  fs::create_directories(directory / "missing");
  EXPECT_TRUE(disputes.add_pair({}, 1, 2, why));
  EXPECT_TRUE(fs::exists(directory / "missing" / "disputes.json"));
}

TEST_F(Store, a_quorum_whose_dispute_cannot_be_written_is_blocked_and_written_with_the_next) {
  auto disputes = *Disputes::open(directory / "missing" / "disputes.json");
  EXPECT_FALSE(disputes.add_quorum({}, {}, {1, 2}, {Fault::RowSum, Blame::quorum(), ""}));
  EXPECT_TRUE(disputes.quorum_blocked({}, {1, 2}));
  EXPECT_TRUE(disputes.unwritten());
  EXPECT_FALSE(disputes.write());
  EXPECT_FALSE(disputes.add_quorum({}, {}, {1, 2}, {Fault::RowSum, Blame::quorum(), ""})) << "known, but not written";
  EXPECT_FALSE(disputes.add_pair({}, 1, 3, {Fault::OtCheck, Blame::pair(1, 3), ""}));
  fs::create_directories(directory / "missing");
  EXPECT_TRUE(disputes.add_pair({}, 2, 3, {Fault::OtCheck, Blame::pair(2, 3), ""}));
  EXPECT_FALSE(disputes.unwritten());
  auto again = *Disputes::open(directory / "missing" / "disputes.json");
  EXPECT_TRUE(again.quorum_blocked({}, {1, 2}));
  EXPECT_TRUE(again.pair_blocked(2, 3));
  EXPECT_FALSE(again.pair_blocked(1, 3));
}

TEST_F(Store, key_files_must_be_private_whole_and_are_never_overwritten) {
  const fs::path path = directory / "identity.key";
  ASSERT_TRUE(write_key_file(path, key(9)));
  EXPECT_TRUE(load_key_file(path));
  EXPECT_FALSE(write_key_file(path, key(10)));
  fs::permissions(path, fs::perms::owner_read | fs::perms::others_read);
  EXPECT_NE(load_key_file(path).error().find("chmod 600"), std::string::npos);
  // An access list of systemd's credential directory looks like a right of the group, and only there.
  fs::permissions(path, fs::perms(0440));
  EXPECT_FALSE(load_key_file(path));
  setenv("CREDENTIALS_DIRECTORY", path.parent_path().c_str(), 1);
  EXPECT_TRUE(load_key_file(path));
  fs::permissions(path, fs::perms(0444));
  EXPECT_FALSE(load_key_file(path));
  unsetenv("CREDENTIALS_DIRECTORY");
  fs::permissions(path, fs::perms(0644));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  std::ofstream(path) << "abc";
  EXPECT_FALSE(load_key_file(path));
}

}  // namespace
}  // namespace quorate::signerd
