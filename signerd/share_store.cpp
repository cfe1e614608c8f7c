#include "signerd/share_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "protocol/net/system_rng.h"
#include "protocol/wire/admin_codec.h"
#include "protocol/wire/keygen_codec.h"
#include "signerd/durable_file.h"

namespace quorate::signerd {

namespace {

constexpr std::string_view kMagic = "quorate share 1\n";
constexpr std::size_t kMaxFile = 64 * 1024;

/// Authenticated beside the secret: a file renamed to another epoch or carried to another signer fails.
Bytes header_for(PartyId me) {
  Bytes header(kMagic.begin(), kMagic.end());
  header.push_back(me);
  return header;
}

bool is_missing(const IdentitySignature& signature) {
  return std::all_of(signature.begin(), signature.end(), [](auto b) { return b == 0; });
}

}  // namespace

Result<ShareStore, std::string> ShareStore::open(std::filesystem::path directory, StateKey key, PartyId me) {
  std::error_code error;
  for (const auto& path : {directory, directory / "ceremonies", directory / "evidence"}) {
    std::filesystem::create_directories(path, error);
    if (error) return fail("cannot create " + path.string() + ": " + error.message());
  }
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  return ShareStore(std::move(directory), std::move(key), me);
}

Result<std::size_t, std::string> ShareStore::tidy(const std::optional<StateKey>& former) {
  std::vector<std::filesystem::path> doomed, shares;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const auto extension = entry.path().extension();
    // A write that was cut short has left a sealed share of its own: nobody would wipe that with its epoch.
    if (extension == kWipedSuffix || (extension == ".tmp" && entry.path().stem().extension() == ".share"))
      doomed.push_back(entry.path());
    if (entry.path().extension() == ".share") shares.push_back(entry.path());
  }
  if (error) return fail("cannot read " + directory_.string() + ": " + error.message());
  for (const auto& path : doomed)
    if (auto wiped = wipe_durably(path); !wiped) return fail(wiped.error());
  std::size_t sealed = 0;
  const Bytes header = header_for(me_);
  for (const auto& path : former ? shares : decltype(shares){}) {
    auto file = read_file(path, kMaxFile);
    if (!file) return fail(file.error());
    if (file->size() < header.size() || !std::equal(header.begin(), header.end(), file->begin())) continue;
    const auto box = ByteView(*file).subspan(header.size());
    const auto plain = unseal(key_, header, box) ? std::nullopt : unseal(*former, header, box);
    if (!plain) continue;
    net::SystemRng rng;
    Bytes anew = header;
    append(anew, seal(key_, header, plain->reveal(), rng));
    if (auto written = write_durably(path, anew, 0600); !written) return fail(written.error());
    ++sealed;
  }
  return sealed;
}

Result<void, std::string> ShareStore::save(const KeyShare& share) {
  wire::KeygenResult result;
  result.ok = true;
  result.info = share.info;
  for (const auto& member : share.info.members) result.info.confirmations.try_emplace(member.id);
  result.spki = spki_der(share.info.X);
  const Bytes info = wire::encode(result);
  SecretBytes plain(info.size() + share.info.curve->scalar_size());
  std::copy(info.begin(), info.end(), plain.reveal().begin());
  share.x_i.encode(plain.reveal().subspan(info.size()));

  net::SystemRng rng;
  Bytes file = header_for(me_);
  append(file, seal(key_, header_for(me_), plain.reveal(), rng));
  return write_durably(directory_ / (share.info.epoch.hex() + ".share"), file, 0600);
}

Result<void, std::string> ShareStore::wipe(const EpochId& epoch) {
  // What a write that failed has left goes, too.
  if (auto wiped = wipe_durably(directory_ / (epoch.hex() + ".share.tmp")); !wiped) return wiped;
  return wipe_durably(directory_ / (epoch.hex() + ".share"));
}

Result<KeyShare, std::string> ShareStore::load_one(const std::filesystem::path& path) const {
  auto file = read_file(path, kMaxFile);
  if (!file) return fail(file.error());
  const Bytes header = header_for(me_);
  if (file->size() < header.size() || !std::equal(header.begin(), header.end(), file->begin()))
    return fail(path.string() + ": is not a share of signer " + std::to_string(me_) + ", or of another version");
  auto plain = unseal(key_, header, ByteView(*file).subspan(header.size()));
  if (!plain) return fail(path.string() + ": does not open with this state key, or is damaged");

  // The scalar stands at the end; how long it is depends on the curve, which stands in the front.
  const auto bytes = plain->reveal();
  for (const auto* curve : {&Curve::p256(), &Curve::p384()}) {
    if (bytes.size() <= curve->scalar_size()) continue;
    const std::size_t split = bytes.size() - curve->scalar_size();
    auto result = wire::decode<wire::KeygenResult>(bytes.first(split));
    if (!result || !result->ok || result->info.curve != curve) continue;
    auto x_i = SecretScalar::decode(*curve, bytes.subspan(split));
    if (!x_i) break;
    KeyShare share{std::move(result->info), me_, std::move(*x_i)};
    std::erase_if(share.info.confirmations, [](const auto& item) { return is_missing(item.second); });
    if (path.stem() != share.info.epoch.hex() || !consistent(share.info) || share.info.member(me_) == nullptr ||
        !(Point::mul_base(share.x_i) == share.info.share_points.at(me_)))
      break;
    return share;
  }
  return fail(path.string() + ": its content does not fit together");
}

Result<std::vector<KeyShare>, std::string> ShareStore::load() const {
  std::vector<KeyShare> shares;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".share") continue;
    auto share = load_one(entry.path());
    if (!share) return fail(share.error());
    shares.push_back(std::move(share).value());
  }
  if (error) return fail("cannot read " + directory_.string() + ": " + error.message());
  // Not in the order of the directory: of two that claim one name every start takes the same.
  std::sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) { return a.info.epoch < b.info.epoch; });
  return shares;
}

Result<bool, std::string> ShareStore::join(const CeremonyId& ceremony) {
  return create_marker(directory_ / "ceremonies" / ceremony.hex());
}

Result<std::filesystem::path, std::string> ShareStore::keep_evidence(const KeygenEvidence& evidence) {
  const nlohmann::ordered_json json{{"kind", "keygen"},
                                    {"culprit", evidence.culprit},
                                    {"fault", name(evidence.fault)},
                                    {"evidence", to_base64(wire::encode_evidence(evidence))}};
  auto path = directory_ / "evidence" / (evidence.terms.ceremony.hex() + ".json");
  if (auto written = write_durably(path, as_bytes(json.dump(2) + "\n"), 0600); !written) return fail(written.error());
  return path;
}

}  // namespace quorate::signerd
