#include "provider/config.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "protocol/base/ct.h"
#include "protocol/net/strict_json.h"
#include "protocol/wire/codec.h"

namespace quorate::provider {
namespace {

constexpr std::size_t kMaxFile = net::StrictJson::kMaxSize;
constexpr std::size_t kMaxCoordinators = 64;

struct File {
  std::string text;
  unsigned mode = 0;
};

Result<File, std::string> read_file(const std::filesystem::path& path) {
  const auto unreadable = [&](int error) {
    return fail(path.string() + ": cannot be read: " + std::generic_category().message(error));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return unreadable(errno);
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return fail(path.string() + ": is not a file");
  }
  if (info.st_size > static_cast<off_t>(kMaxFile)) {
    close(fd);
    return fail(path.string() + ": longer than 1 MiB");
  }
  File out{{}, info.st_mode & 07777u};
  out.text.resize(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < out.text.size()) {
    const auto n = read(fd, out.text.data() + done, out.text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  close(fd);
  if (done != out.text.size()) {
    ct::wipe(out.text.data(), out.text.size());
    return fail(path.string() + ": changed while it was read");
  }
  return out;
}

Digest digest_of(std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  Digest out;
  bool ok = ctx != nullptr && EVP_DigestInit_ex(ctx, EVP_sha256(), nullptr) == 1;
  for (auto part : parts) {
    const std::string size = std::to_string(part.size()) + ":";
    ok = ok && EVP_DigestUpdate(ctx, size.data(), size.size()) == 1 && EVP_DigestUpdate(ctx, part.data(), part.size()) == 1;
  }
  ok = ok && EVP_DigestFinal_ex(ctx, out.bytes.data(), nullptr) == 1;
  EVP_MD_CTX_free(ctx);
  if (!ok) throw std::bad_alloc();
  return out;
}

void read_coordinators(const net::StrictObject& root, Config& config) {
  for (const net::StrictObject& entry : root.objects("coordinators", 1, kMaxCoordinators)) {
    Config::Coordinator coordinator;
    coordinator.name = entry.text("name", 1, wire::kMaxName);
    if (!coordinator.name.empty() && !wire::valid_name(coordinator.name))
      entry.reject("name", "expected a name of A-Z a-z 0-9 . _ -");
    auto address = entry.host_port("address");
    coordinator.host = std::move(address.host);
    coordinator.port = address.port;
    for (const auto& other : config.coordinators) {
      if (other.name == coordinator.name) entry.reject("name", "is given twice");
      if (other.host == coordinator.host && other.port == coordinator.port && coordinator.port != 0)
        entry.reject("address", "is given twice");
    }
    config.coordinators.push_back(std::move(coordinator));
  }
}

}  // namespace

LoadedConfig::~LoadedConfig() { ct::wipe(key_pem.data(), key_pem.size()); }

Result<Config, std::string> parse_config(std::string name, std::string_view text, std::filesystem::path directory) {
  const auto document = net::StrictJson::parse(std::move(name), text, std::move(directory));
  if (!document) return fail(document.error());
  const net::StrictObject root = document->root();

  Config config;
  config.cluster = root.text("cluster", 1, wire::kMaxName);
  if (!config.cluster.empty() && !wire::valid_name(config.cluster))
    root.reject("cluster", "expected a name of A-Z a-z 0-9 . _ -");
  static constexpr std::array<std::string_view, 2> kModes = {"direct", "tier"};
  config.tier = root.choice_or("mode", kModes, 0) == 1;
  if (config.tier) {
    if (root.has("signers")) root.reject("signers", "is for mode \"direct\"; in mode \"tier\" the coordinators know them");
    read_coordinators(root, config);
  } else {
    if (root.has("coordinators")) root.reject("coordinators", "needs \"mode\": \"tier\"");
    config.signers = net::read_signers(root);
  }
  const net::StrictObject tls = root.object("tls");
  config.certificate = tls.file("certificate");
  config.key = tls.file("key");
  config.ca = tls.file("ca");
  config.deadline = std::chrono::milliseconds(root.integer_or("deadline_ms", 1, 60000, 200));
  static constexpr std::array<std::string_view, 2> kThreads = {"lazy", "at-fork"};
  config.thread_at_fork = root.choice_or("io_thread", kThreads, 0) == 1;
  static constexpr std::array<std::string_view, 3> kUnavailable = {"retry", "fail", "decline"};
  config.unavailable = static_cast<Unavailable>(root.choice_or("unavailable", kUnavailable, 0));
  config.back_off = std::chrono::milliseconds(root.integer_or("back_off_ms", 1, 1000, 50));
  if (const auto log = root.object_if("log")) {
    static constexpr std::array<std::string_view, 4> kLevels = {"error", "warning", "info", "debug"};
    config.log_file = log->file_if("file");
    config.log_level = static_cast<LogLevel>(log->choice_or("level", kLevels, 1));
  }
  config.evidence = root.file_if("evidence");
  if (auto whole = document->finish(); !whole) return fail(whole.error());
  return config;
}

Result<LoadedConfig, std::string> load_config(const std::filesystem::path& path) {
  auto text = read_file(path);
  if (!text) return fail(text.error());
  auto config = parse_config(path.string(), text->text, path.parent_path());
  if (!config) return fail(config.error());

  LoadedConfig out;
  out.config = std::move(*config);
  auto key = read_file(out.config.key);
  if (!key) return fail(path.string() + ": tls.key: " + key.error());
  out.key_pem = std::move(key->text);
  if ((key->mode & 0007) != 0)
    out.warnings.push_back(out.config.key.string() + ": everybody on this host may use this private key; chmod 640 it");
  auto certificate = read_file(out.config.certificate);
  if (!certificate) return fail(path.string() + ": tls.certificate: " + certificate.error());
  out.certificate_pem = std::move(certificate->text);
  auto ca = read_file(out.config.ca);
  if (!ca) return fail(path.string() + ": tls.ca: " + ca.error());
  out.ca_pem = std::move(ca->text);
  out.fingerprint = digest_of({path.string(), text->text, out.certificate_pem, out.key_pem, out.ca_pem});
  return out;
}

}  // namespace quorate::provider
