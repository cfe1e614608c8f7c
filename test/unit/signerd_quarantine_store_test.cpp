// The list of signers in quarantine on disk: restarts, damage, a full disk, epochs that are over (SPEC 6.5).
#include <fstream>

#include "signerd/durable_file.h"
#include "signerd/quarantine.h"
#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

namespace fs = std::filesystem;

class QuarantineStore : public testing::Test {
 protected:
  static Quarantine::Entry entry(PartyId signer, std::uint8_t evidence, const EpochId& epoch = {}) {
    return {signer, epoch, "bad-partial", "2026-11-22T14:30:00.123Z", Bytes(1000, evidence), false};
  }
  Quarantine open() const { return *Quarantine::open(path); }
  TestDirectory directory;
  fs::path path = directory.path() / "quarantine";
};

TEST_F(QuarantineStore, survives_a_restart_with_its_evidence) {
  EXPECT_EQ(open().version(), 0U);
  std::uint64_t version = 0;
  {
    auto list = open();
    EXPECT_TRUE(list.add(entry(5, 1)).value());
    EXPECT_TRUE(list.add(entry(2, 2)).value());
    EXPECT_FALSE(list.add(entry(5, 9)).value()) << "it is there";
    version = list.version();
  }
  const auto list = open();
  ASSERT_EQ(list.entries().size(), 2U);
  EXPECT_EQ(list.entries()[0].signer, 2);
  EXPECT_EQ(list.entries()[1].evidence, Bytes(1000, 1));
  EXPECT_EQ(list.entries()[1].reason, "bad-partial");
  EXPECT_TRUE(list.entries()[1].durable);
  EXPECT_EQ(list.version(), version);
  EXPECT_NE(version, 0U);
}

TEST_F(QuarantineStore, another_list_has_another_version) {
  std::set<std::uint64_t> versions{0};
  const auto version_of = [&](std::vector<Quarantine::Entry> entries) {
    fs::remove_all(path);
    auto list = open();
    for (auto& e : entries) EXPECT_TRUE(list.add(std::move(e)).value());
    return list.version();
  };
  EXPECT_TRUE(versions.insert(version_of({entry(1, 1)})).second);
  EXPECT_TRUE(versions.insert(version_of({entry(2, 1)})).second);
  EXPECT_TRUE(versions.insert(version_of({entry(1, 2)})).second);
  EXPECT_TRUE(versions.insert(version_of({entry(1, 1), entry(2, 1)})).second);
  EXPECT_FALSE(versions.insert(version_of({entry(2, 1), entry(1, 1)})).second) << "in whatever order";
}

TEST_F(QuarantineStore, what_is_damaged_is_not_taken_for_an_empty_list) {
  ASSERT_TRUE(open().add(entry(4, 1)));
  const auto evidence = path / "4.evidence", list = path / "list.json";
  const auto text_of = [](const fs::path& file) { return std::string(as_text(*read_file(file, 1 << 20))); };
  const std::string good_list = text_of(list), good_evidence = text_of(evidence);
  const auto damaged = [&](const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    return !Quarantine::open(path).has_value();
  };
  EXPECT_TRUE(damaged(list, ""));
  for (std::size_t cut = 1; cut + 2 < good_list.size(); cut += 17) EXPECT_TRUE(damaged(list, good_list.substr(0, cut))) << cut;
  std::ofstream(list, std::ios::trunc) << good_list;
  EXPECT_TRUE(damaged(evidence, good_evidence.substr(1)));
  EXPECT_TRUE(damaged(evidence, good_evidence + "x"));
  EXPECT_TRUE(damaged(evidence, std::string(1000, 'x')));
  fs::remove(evidence);
  EXPECT_FALSE(Quarantine::open(path));
  std::ofstream(evidence, std::ios::binary) << good_evidence;
  EXPECT_TRUE(Quarantine::open(path));
}

TEST_F(QuarantineStore, a_crash_between_evidence_and_list_leaves_the_list_as_it_was) {
  ASSERT_TRUE(open().add(entry(4, 1)));
  // Another signer's evidence was written, its list was not; and a half-written list lies beside the good one.
  std::ofstream(path / "5.evidence") << "whatever";
  std::ofstream(path / "list.json.tmp") << "{ \"quar";
  auto list = open();
  EXPECT_EQ(list.signers(), std::set<PartyId>{4});
  EXPECT_TRUE(list.add(entry(5, 7)).value());
  EXPECT_EQ(open().entries()[1].evidence, Bytes(1000, 7));
}

TEST_F(QuarantineStore, what_cannot_be_written_is_in_force_and_nobody_is_told) {
  std::ofstream(path) << "a file where the directory should be";
  auto list = open();
  EXPECT_FALSE(list.add(entry(4, 1)));
  EXPECT_TRUE(list.holds(4));
  EXPECT_EQ(list.version(), 0U);
  EXPECT_FALSE(list.entries()[0].durable);
  EXPECT_TRUE(list.unwritten());
  EXPECT_FALSE(list.write());
  fs::remove(path);
  EXPECT_TRUE(list.write());
  EXPECT_NE(list.version(), 0U);
  EXPECT_TRUE(open().holds(4));
}

TEST_F(QuarantineStore, those_of_epochs_that_are_over_are_cleared_for_good) {
  sim::SeededRng rng(3);
  const auto old = rng.make_id<EpochId>(), active = rng.make_id<EpochId>();
  auto list = open();
  ASSERT_TRUE(list.add(entry(1, 1, old)));
  ASSERT_TRUE(list.add(entry(2, 2, active)));
  EXPECT_EQ(list.clear([&](const EpochId& epoch) { return epoch == old; }).value(), 1U);
  for (const auto& each : {list, open()}) EXPECT_EQ(each.signers(), std::set<PartyId>{2});
  EXPECT_FALSE(fs::exists(path / "1.evidence"));
  EXPECT_EQ(list.version(), open().version());
  fs::remove_all(path);
  std::ofstream(path) << "no directory any more";
  EXPECT_FALSE(list.clear([](const EpochId&) { return true; }));
  EXPECT_TRUE(list.holds(2));
  EXPECT_TRUE(list.unwritten()) << "what is on disk is not known: it is written again";
  fs::remove(path);
  EXPECT_TRUE(list.write());
  EXPECT_TRUE(open().holds(2));
}

}  // namespace
}  // namespace quorate::signerd
