// Searches the memory of running processes for key material that they must not hold: shares of other
// signers, and the private key itself, in both byte orders and in the form in which arithmetic keeps them.
// usage: memory_search CLUSTER_DIR PID...
// The test opens every signer's share file with that signer's own state key; nobody else can.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "protocol/group/shamir.h"
#include "signerd/config.h"
#include "signerd/share_store.h"

namespace {

using namespace quorate;
namespace fs = std::filesystem;

struct Pattern {
  std::string name;
  PartyId owner;   ///< kNobody: the private key
  Bytes bytes;
};

void add_patterns(std::vector<Pattern>& out, const std::string& name, PartyId owner, const SecretScalar& value) {
  const std::size_t size = value.curve().scalar_size();
  Bytes big(size);
  value.encode(big);
  Bytes little(big.rbegin(), big.rend());
  Bytes montgomery(size);
  std::memcpy(montgomery.data(), value.montgomery().data(), size);
  Bytes montgomery_big(montgomery.rbegin(), montgomery.rend());
  out.push_back({name + " big-endian", owner, big});
  out.push_back({name + " little-endian", owner, little});
  out.push_back({name + " Montgomery little-endian", owner, montgomery});
  out.push_back({name + " Montgomery big-endian", owner, montgomery_big});
}

/// Which patterns occur in the readable memory of a process. Nothing if it cannot be read.
std::optional<std::vector<bool>> search(int pid, const std::vector<Pattern>& patterns, std::size_t& searched) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  const int memory = ::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY);
  if (!maps || memory < 0) return std::nullopt;
  std::vector<bool> found(patterns.size(), false);
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long from = 0, to = 0;
    char mode[8] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r') continue;
    if (line.find("[vvar]") != std::string::npos || line.find("[vsyscall]") != std::string::npos) continue;
    constexpr std::size_t kChunk = std::size_t{8} << 20, kOverlap = 64;
    Bytes chunk(kChunk + kOverlap);
    for (unsigned long at = from; at < to; at += kChunk) {
      const auto n = ::pread(memory, chunk.data(), std::min<std::size_t>(kChunk + kOverlap, to - at), static_cast<off_t>(at));
      if (n <= 0) continue;
      searched += static_cast<std::size_t>(n);
      for (std::size_t i = 0; i < patterns.size(); ++i)
        if (!found[i] && ::memmem(chunk.data(), static_cast<std::size_t>(n), patterns[i].bytes.data(), patterns[i].bytes.size()))
          found[i] = true;
    }
  }
  ::close(memory);
  return found;
}

/// The signer whose daemon this is, by its command line; kNobody for servers.
PartyId signer_of(int pid, const fs::path& cluster) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::stringstream all;
  all << file.rdbuf();
  for (PartyId id = 1; id <= kMaxParties; ++id)
    if (all.str().find((cluster / ("signer-" + std::to_string(id)) / "signerd.json").string()) != std::string::npos) return id;
  return kNobody;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const fs::path cluster = argv[1];
  std::map<PartyId, KeyShare> shares;
  for (PartyId id = 1; id <= kMaxParties; ++id) {
    const auto dir = cluster / ("signer-" + std::to_string(id));
    if (!fs::exists(dir)) break;
    auto key = signerd::load_key_file(dir / "state.key");
    if (!key) return std::fprintf(stderr, "%s\n", key.error().c_str()), 1;
    auto store = signerd::ShareStore::open(dir / "state", std::move(key).value(), id);
    auto loaded = store->load();
    if (!loaded || loaded->size() != 1) return std::fprintf(stderr, "no share of signer %d\n", id), 1;
    shares.emplace(id, std::move(loaded->front()));
  }
  const auto& info = shares.begin()->second.info;
  Quorum quorum;
  SecretScalar x(*info.curve);
  for (PartyId id = 1; id <= info.threshold; ++id) quorum.push_back(id);
  for (auto id : quorum) x = x + lagrange_at_zero(*info.curve, quorum, id) * shares.at(id).x_i;
  if (!(Point::mul_base(x) == info.X)) return std::fprintf(stderr, "the shares do not make the key\n"), 1;

  std::vector<Pattern> patterns;
  add_patterns(patterns, "private key", kNobody, x);
  for (const auto& [id, share] : shares) add_patterns(patterns, "share of signer " + std::to_string(id), id, share.x_i);

  std::size_t bad = 0, own_found = 0, signers = 0, servers = 0;
  for (int i = 2; i < argc; ++i) {
    const int pid = std::atoi(argv[i]);
    if (::kill(pid, 0) != 0) {
      std::printf("there is no process %d\n", pid);
      return 1;
    }
    const PartyId owner = signer_of(pid, cluster);
    std::size_t searched = 0;
    const auto found = search(pid, patterns, searched);
    if (!found) {
      std::printf("process %d cannot be read; run as root\n", pid);
      return 1;
    }
    bool own = false;
    for (std::size_t p = 0; p < patterns.size(); ++p) {
      if (!(*found)[p]) continue;
      if (owner != kNobody && patterns[p].owner == owner) {
        own = true;
      } else {
        ++bad;
        std::printf("process %d (%s) holds the %s\n", pid, owner == kNobody ? "server" : ("signer " + std::to_string(owner)).c_str(),
                    patterns[p].name.c_str());
      }
    }
    if (owner != kNobody) {
      ++signers;
      own_found += own;
    } else {
      ++servers;
    }
    std::printf("process %d: %zu MiB searched%s\n", pid, searched >> 20, own ? ", its own share is in it" : "");
  }
  // Controls: the search must see a signer's own share, and every pattern in a process that holds them all.
  const pid_t planted = ::fork();
  if (planted == 0) {
    ::pause();
    ::_exit(0);
  }
  std::size_t searched = 0;
  const auto control = search(planted, patterns, searched);
  ::kill(planted, SIGKILL);
  ::waitpid(planted, nullptr, 0);
  const bool all_seen = control && std::all_of(control->begin(), control->end(), [](bool b) { return b; });
  std::printf("%zu patterns; planted control %s; own share found in %zu of %zu signers; %zu servers\n", patterns.size(),
              all_seen ? "found" : "NOT FOUND", own_found, signers, servers);
  return bad == 0 && all_seen && signers == shares.size() && own_found == signers && servers > 0 ? 0 : 1;
}
