#include "protocol/net/group_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "protocol/net/strict_json.h"
#include "protocol/wire/codec.h"

namespace quorate::net {

Digest MemberRecord::digest() const {
  Transcript t(Label::MemberRecord, Binding{.from = id});
  t.add(cluster).add(address).add(identity);
  return std::move(t).digest();
}

const MemberRecord* GroupFile::member(PartyId id) const {
  for (const auto& m : members)
    if (m.id == id) return &m;
  return nullptr;
}

Digest GroupFile::digest() const {
  Transcript t(Label::GroupDescription, Binding{});
  t.add(cluster).add_number(members.size());
  for (const auto& m : members) t.add(m.digest()).add(ByteView(m.signature));
  return std::move(t).digest();
}

namespace {

MemberRecord read_record(const StrictObject& object, const std::string& cluster) {
  MemberRecord record;
  record.cluster = cluster;
  record.id = static_cast<PartyId>(object.integer("id", 1, kMaxParties));
  record.address = object.text("address", 3, 300);
  if (!record.address.empty() && !parse_host_port(record.address)) object.reject("address", "expected host:port");
  record.identity = IdentityPublicKey::from(object.hex("identity", 32)).value_or(IdentityPublicKey{});
  const Bytes signature = object.hex("signature", 64);
  if (signature.size() == 64) {
    std::copy(signature.begin(), signature.end(), record.signature.begin());
    if (!record.signature_valid())
      object.reject("signature", "is not signer " + std::to_string(record.id) + "'s: the record was changed");
  }
  return record;
}

std::string read_cluster(const StrictObject& root) {
  std::string cluster = root.text("cluster", 1, wire::kMaxName);
  if (!cluster.empty() && !wire::valid_name(cluster)) root.reject("cluster", "may hold a-z A-Z 0-9 . _ - only");
  return cluster;
}

nlohmann::ordered_json to_json(const MemberRecord& record) {
  return {{"id", record.id},
          {"address", record.address},
          {"identity", record.identity.hex()},
          {"signature", to_hex(record.signature)}};
}

}  // namespace

Result<GroupFile, std::string> load_group(const std::filesystem::path& path) {
  auto file = StrictJson::load(path);
  if (!file) return fail(file.error());
  const auto root = file->root();
  const std::string cluster = read_cluster(root);
  std::vector<MemberRecord> records;
  for (const auto& object : root.objects("signers", 2, kMaxParties)) records.push_back(read_record(object, cluster));
  if (auto ok = file->finish(); !ok) return fail(ok.error());
  auto group = assemble_group(std::move(records));
  if (!group) return fail(path.string() + ": " + group.error());
  return group;
}

Result<MemberRecord, std::string> load_record(const std::filesystem::path& path) {
  auto file = StrictJson::load(path);
  if (!file) return fail(file.error());
  const auto root = file->root();
  auto record = read_record(root, read_cluster(root));
  if (auto ok = file->finish(); !ok) return fail(ok.error());
  return record;
}

Result<GroupFile, std::string> assemble_group(std::vector<MemberRecord> records) {
  if (records.size() < 2 || records.size() > kMaxParties)
    return fail("a group has 2 to 16 signers, not " + std::to_string(records.size()));
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::set<std::string> addresses, identities;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& record = records[i];
    const std::string who = "signer " + std::to_string(record.id);
    if (record.cluster != records[0].cluster)
      return fail(who + " is of cluster '" + record.cluster + "', the others of '" + records[0].cluster + "'");
    if (i > 0 && records[i - 1].id == record.id) return fail("two records claim to be " + who);
    if (!addresses.insert(record.address).second) return fail(who + " has the address of another one");
    if (!identities.insert(record.identity.hex()).second) return fail(who + " has the identity key of another one");
  }
  GroupFile group;
  group.cluster = records[0].cluster;
  group.members = std::move(records);
  return group;
}

std::string group_text(const GroupFile& group) {
  nlohmann::ordered_json out{{"cluster", group.cluster}, {"signers", nlohmann::ordered_json::array()}};
  for (const auto& member : group.members) out["signers"].push_back(to_json(member));
  return out.dump(2) + "\n";
}

std::string record_text(const MemberRecord& record) {
  nlohmann::ordered_json out{{"cluster", record.cluster}};
  out.update(to_json(record));
  return out.dump(2) + "\n";
}

}  // namespace quorate::net
