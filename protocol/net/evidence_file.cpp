#include "protocol/net/evidence_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "protocol/hash/transcript.h"
#include "protocol/net/strict_json.h"
#include "protocol/wire/blame_codec.h"
#include "protocol/wire/keygen_codec.h"

namespace quorate::net {
namespace {

using nlohmann::ordered_json;

/// A key that a kind of evidence has beside those that all have.
struct Extra {
  const char* key;
  std::string value;
};

std::vector<Extra> extras_of(const BlameEvidence& evidence) {
  std::vector<Extra> out{{"key", key_of(evidence).hex()}, {"epoch", epoch_of(evidence).hex()}};
  if (const auto* partial = std::get_if<BadPartialEvidence>(&evidence))
    out.push_back({"presignature", PresignatureId{partial->batch.sid, partial->index}.str()});
  return out;
}
std::vector<Extra> extras_of(const KeygenEvidence& evidence) { return {{"fault", std::string(name(evidence.fault))}}; }

std::string text_of(const EvidenceFile& file, const std::vector<Extra>& extras, const Bytes& bytes) {
  ordered_json out{{"kind", file.kind()}, {"cluster", file.cluster}, {"culprit", file.culprit()}};
  for (const auto& extra : extras) out[extra.key] = extra.value;
  out["evidence"] = to_base64(bytes);
  return out.dump(2) + "\n";
}

std::string error_text() { return std::generic_category().message(errno); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

/// Entries of a directory other than . and .., counted up to a limit.
std::size_t count_files(int directory, std::size_t limit) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* listing = copy >= 0 ? ::fdopendir(copy) : nullptr;
  if (listing == nullptr) {
    if (copy >= 0) ::close(copy);
    return limit;
  }
  std::size_t count = 0;
  while (count < limit + 2 && ::readdir(listing) != nullptr) ++count;
  ::closedir(listing);
  return count < 2 ? 0 : count - 2;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

/// One for each signer and presignature: "signer-2-bad-partial-<sid>-17.json".
std::string file_name(const BlameEvidence& evidence) {
  std::string what = epoch_of(evidence).hex();
  if (const auto* partial = std::get_if<BadPartialEvidence>(&evidence))
    what = partial->batch.sid.hex() + "-" + std::to_string(partial->index);
  if (const auto* rows = std::get_if<RowContradiction>(&evidence)) what = rows->batch.sid.hex();
  return "signer-" + std::to_string(culprit_of(evidence)) + "-" + std::string(kind_of(evidence)) + "-" + what + ".json";
}

}  // namespace

std::string EvidenceFile::kind() const {
  const auto* blame = std::get_if<BlameEvidence>(&evidence);
  return blame != nullptr ? std::string(kind_of(*blame)) : "keygen";
}

PartyId EvidenceFile::culprit() const {
  const auto* blame = std::get_if<BlameEvidence>(&evidence);
  return blame != nullptr ? culprit_of(*blame) : std::get<KeygenEvidence>(evidence).culprit;
}

std::string evidence_text(const std::string& cluster, const BlameEvidence& evidence) {
  return text_of({cluster, evidence}, extras_of(evidence), wire::encode_blame(evidence));
}
std::string evidence_text(const std::string& cluster, const KeygenEvidence& evidence) {
  return text_of({cluster, evidence}, extras_of(evidence), wire::encode_evidence(evidence));
}

Result<EvidenceFile, std::string> load_evidence(const std::filesystem::path& path) {
  auto document = StrictJson::load(path);
  if (!document) return fail(document.error());
  const auto root = document->root();
  const std::string kind = root.text("kind", 1, 32);
  const std::string cluster = kind == "keygen" ? root.text_or("cluster", "", 1, wire::kMaxName) : root.text("cluster", 1, wire::kMaxName);
  const auto culprit = static_cast<PartyId>(root.integer("culprit", 1, kMaxParties));
  const auto bytes = from_base64(root.text("evidence", 4, StrictJson::kMaxSize));
  if (!bytes) root.reject("evidence", "is not Base64");
  EvidenceFile out{cluster, {}};
  std::vector<Extra> extras;
  if (bytes && kind == "keygen") {
    if (auto evidence = wire::decode_evidence(*bytes)) {
      extras = extras_of(*evidence);
      out.evidence = std::move(*evidence);
    } else {
      root.reject("evidence", "does not decode: " + evidence.error().what());
    }
  } else if (bytes) {
    if (auto evidence = wire::decode_blame(*bytes)) {
      extras = extras_of(*evidence);
      out.evidence = std::move(*evidence);
    } else {
      root.reject("evidence", "does not decode: " + evidence.error().what());
    }
  }
  for (const auto& extra : extras)
    if (root.text(extra.key, 1, 128) != extra.value) root.reject(extra.key, "is not what the evidence says");
  if (!extras.empty() && kind != out.kind()) root.reject("kind", "is not that of the evidence");
  if (!extras.empty() && culprit != out.culprit()) root.reject("culprit", "is not who the evidence is about");
  if (auto whole = document->finish(); !whole) return fail(whole.error());
  return out;
}

Result<std::shared_ptr<const EvidenceFolder>, std::string> EvidenceFolder::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(path.string() + ": cannot be opened as a directory: " + error_text());
  return std::shared_ptr<const EvidenceFolder>(new EvidenceFolder(fd, path));
}

EvidenceFolder::~EvidenceFolder() { ::close(fd_); }

Result<std::string, std::string> EvidenceFolder::save(const std::string& cluster, const BlameEvidence& evidence) const {
  const std::string name = file_name(evidence), path = (path_ / name).string();
  struct stat present{};
  if (::fstatat(fd_, name.c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0) return path;
  if (count_files(fd_, kMaxFiles) >= kMaxFiles)
    return fail(path_.string() + " holds " + std::to_string(kMaxFiles) + " files already; move them away");
  // Written under a name of this process's own, then linked, which does not replace what is there.
  const std::string draft = "." + name + "." + std::to_string(::getpid());
  (void)::unlinkat(fd_, draft.c_str(), 0);
  const Descriptor file(::openat(fd_, draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (file.get() < 0) return fail(path + ": cannot be made: " + error_text());
  const bool written = write_all(file.get(), evidence_text(cluster, evidence));
  const bool named = written && (::linkat(fd_, draft.c_str(), fd_, name.c_str(), 0) == 0 || errno == EEXIST);
  const std::string problem = named ? "" : error_text();
  (void)::unlinkat(fd_, draft.c_str(), 0);
  if (!named) return fail(path + ": cannot be written: " + problem);
  (void)::fsync(fd_);
  return path;
}

}  // namespace quorate::net
