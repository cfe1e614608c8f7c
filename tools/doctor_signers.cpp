#include "tools/doctor_signers.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <memory>

#include "protocol/net/dialer.h"
#include "protocol/net/endpoint.h"
#include "protocol/net/system_rng.h"
#include "protocol/wire/online_codec.h"

namespace quorate::tools::doctor {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kResolveLimit{1};
constexpr int kProbeSeconds = 2;
/// A signer that was just restarted may refuse the first attempt.
constexpr int kAttempts = 3;

std::string address_of(const net::SignerEndpoint& signer) {
  const bool v6 = signer.host.find(':') != std::string::npos && signer.host.front() != '[';
  return (v6 ? "[" + signer.host + "]" : signer.host) + ":" + std::to_string(signer.port);
}

/// The link to one signer and the one question on it.
struct Conversation {
  SignerFacts facts;
  std::unique_ptr<net::Dialer> dialer;
  int failures = 0;
  bool over = false;
  steady_clock::time_point asked;
};

}  // namespace

std::vector<SignerFacts> ask_signers(const SignersQuestion& question) {
  net::SystemRng rng;
  boost::asio::io_context io;
  auto settings = std::make_shared<net::LinkSettings>();
  settings->tls = question.tls;
  settings->cluster = question.cluster;
  settings->instance = rng.make_id<Digest>();
  settings->pinned = [&](PartyId id) -> std::optional<IdentityPublicKey> {
    const auto found = std::ranges::find(question.signers, id, &net::SignerEndpoint::id);
    return found == question.signers.end() ? std::nullopt : found->identity;
  };

  std::vector<Conversation> talks(question.signers.size());
  std::size_t open = talks.size();
  const auto finish = [&](Conversation& talk) {
    if (std::exchange(talk.over, true)) return;
    if (--open == 0) io.stop();
  };
  for (std::size_t i = 0; i < talks.size(); ++i) {
    const auto& signer = question.signers[i];
    Conversation& talk = talks[i];
    talk.facts.id = signer.id;
    talk.facts.address = address_of(signer);
    net::DialTarget target{net::resolve_host(signer.host, kResolveLimit),
                           signer.port,
                           {wire::Role::Signer, signer.id, {}, question.cluster}};
    talk.facts.resolves = !target.hosts.empty();
    if (!talk.facts.resolves) {
      talk.facts.reason = signer.host + " does not resolve";
      finish(talk);
      continue;
    }
    net::Dialer::Events events;
    events.up = [&talk](const std::shared_ptr<net::Link>& link) {
      talk.facts.up = true;
      talk.facts.reason = "gave no status";
      talk.asked = steady_clock::now();
      link->send({wire::MessageType::StatusRequest, net::SystemRng().make_id<SessionId>(), kNobody, kNobody,
                  wire::encode(wire::StatusRequest{})});
    };
    events.message = [&](wire::Envelope envelope) {
      if (envelope.type != wire::MessageType::StatusReply) return;
      auto reply = wire::decode<wire::StatusReply>(envelope.payload);
      if (reply) {
        talk.facts.answered_in =
            std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - talk.asked);
        talk.facts.status = std::move(*reply);
      } else {
        talk.facts.reason = "its status does not parse: " + reply.error().what();
      }
      finish(talk);
    };
    const auto failed = [&](const std::string& reason) {
      talk.facts.up = false;
      talk.facts.reason = reason;
      if (++talk.failures >= kAttempts) finish(talk);
    };
    events.down = failed;
    events.failed = failed;
    talk.dialer = std::make_unique<net::Dialer>(io, settings, std::move(target), std::move(events));
    talk.dialer->start();
  }
  if (open > 0) io.run_for(question.patience);

  std::vector<SignerFacts> out;
  for (std::size_t i = 0; i < talks.size(); ++i) {
    talks[i].dialer.reset();
    std::string ignored;
    if (talks[i].facts.up)
      talks[i].facts.certificate =
          peer_validity(question.signers[i].host, question.signers[i].port, question.tls, ignored);
    out.push_back(std::move(talks[i].facts));
  }
  return out;
}

std::optional<Validity> peer_validity(const std::string& host, std::uint16_t port,
                                      const net::TlsIdentity& tls, std::string& reason) {
  const auto addresses = net::resolve_host(host, kResolveLimit);
  if (addresses.empty()) {
    reason = host + " does not resolve";
    return std::nullopt;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(addresses.front().c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    reason = addresses.front() + " is no address";
    return std::nullopt;
  }
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{kProbeSeconds, 0};
  std::optional<Validity> out;
  // On Linux the send time-out bounds connect() as well.
  if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
      ::connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
    reason = addresses.front() + ":" + std::to_string(port) + ": " +
             (errno == EINPROGRESS || errno == EAGAIN ? "no connection in time"
                                                      : std::generic_category().message(errno));
  } else {
    ERR_clear_error();
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(tls.client()), &SSL_free);
    if (ssl != nullptr && SSL_set_fd(ssl.get(), fd) == 1 && SSL_connect(ssl.get()) == 1) {
      const X509* peer = SSL_get0_peer_certificate(ssl.get());
      std::tm from{}, to{};
      if (peer != nullptr && ASN1_TIME_to_tm(X509_get0_notBefore(peer), &from) == 1 &&
          ASN1_TIME_to_tm(X509_get0_notAfter(peer), &to) == 1)
        out = Validity{timegm(&from), timegm(&to)};
      SSL_shutdown(ssl.get());
    } else {
      const unsigned long code = ERR_peek_last_error();
      const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
      const long verdict = ssl == nullptr ? X509_V_OK : SSL_get_verify_result(ssl.get());
      reason = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
               : text != nullptr    ? text
                                    : "no TLS handshake in time";
    }
    ERR_clear_error();
  }
  if (fd >= 0) ::close(fd);
  freeaddrinfo(found);
  return out;
}

std::string link_advice(const std::string& reason) {
  const auto has = [&](const char* text) { return reason.find(text) != std::string::npos; };
  if (has("resolve")) return "write its address into provider.json, or mend the name service";
  if (has("refused by the peer")) return "the signer's log (journalctl -u signerd) says more";
  if (has("refused")) return "start signerd there, and compare the port with 'listen' in its signerd.json";
  if (has("expired") || has("not yet valid"))
    return "renew the certificate that is named, and compare the clocks of both hosts";
  if (has("pinned"))
    return "its identity key is another than provider.json says: compare 'quorate group show' there with "
           "group.json here; "
           "if the signer was not set up anew, somebody poses as it";
  if (has("cluster") || has("certificate says"))
    return "another signer, or another cluster, listens there: correct the address in provider.json";
  if (has("certificate") || has("alert") || has("unknown ca") || has("issuer"))
    return "both hosts need the same ca.crt, and certificates that its CA signed";
  if (has("in time") || has("unreachable") || has("No route"))
    return "look for a firewall on the way, and whether the host is up";
  return "the signer's log (journalctl -u signerd) says more";
}

namespace {

bool knows(const SignerFacts& signer, const KeyId& key) {
  return signer.status &&
         std::ranges::find(signer.status->keys, key, &wire::KeyStatus::key) != signer.status->keys.end();
}

std::vector<PartyId> ids(const std::vector<const SignerFacts*>& signers) {
  std::vector<PartyId> out;
  for (const auto* signer : signers) out.push_back(signer->id);
  return out;
}

/// A quorum counts as its leader sees it.
struct Pools {
  std::size_t quorums = 0, empty = 0, low = 0;
};
Pools pools_of(const std::vector<SignerFacts>& signers, const KeyId& key, const std::vector<PartyId>& up) {
  Pools out;
  for (const auto& signer : signers) {
    if (!signer.status) continue;
    for (const auto& entry : signer.status->keys) {
      if (entry.key != key) continue;
      for (const auto& pool : entry.pools) {
        const bool whole =
            std::ranges::all_of(pool.quorum, [&](PartyId id) { return std::ranges::count(up, id) != 0; });
        if (pool.leader != signer.id || !whole) continue;
        ++out.quorums;
        if (pool.available == 0) ++out.empty;
        if (pool.available * 4 < pool.target) ++out.low;
      }
    }
  }
  return out;
}

Findings judge_one_key(const std::vector<SignerFacts>& signers, const KeyId& key,
                       const std::string& subject) {
  const wire::KeyStatus* known = nullptr;
  std::vector<const SignerFacts*> with, without;
  for (const auto& signer : signers) {
    if (!signer.status) continue;
    (knows(signer, key) ? with : without).push_back(&signer);
    if (knows(signer, key)) known = &*std::ranges::find(signer.status->keys, key, &wire::KeyStatus::key);
  }
  if (known == nullptr)
    return {problem(
        "key-known", subject,
        "no signer that is up knows the key " + key.brief() + " or lets this certificate use it",
        "compare with 'quorate key show' and the cluster that made it; look at 'policy' in signerd.json")};
  Findings out;
  for (const auto* signer : without) {
    const bool member = std::ranges::count(known->members, signer->id) != 0;
    if (member)
      out.push_back(problem("key-known", "signer " + std::to_string(signer->id),
                            "does not list the key " + key.brief() + ", though it holds a share of it",
                            "look at 'policy' in its signerd.json: it has to name this certificate's holder "
                            "as it does on the others"));
  }
  const auto up = ids(with);
  const std::string count = std::to_string(up.size()) + " of " + std::to_string(known->members.size()) +
                            " signers offer it, " + std::to_string(known->threshold) + " are needed";
  if (up.size() < known->threshold) {
    out.push_back(problem("key-quorum", subject, count + ": nothing can be signed",
                          "bring the signers back that are named above"));
    return out;
  }
  out.push_back(up.size() > known->threshold || known->members.size() == known->threshold
                    ? good("key-quorum", subject, count)
                    : warning("key-quorum", subject, count + ": the next one that fails stops signing",
                              "bring the signers back that are named above"));
  const Pools pools = pools_of(signers, key, up);
  const std::string fill =
      "wait for signers to fill their pools (quorate status --wait 60); if they stay empty, raise "
      "presign.threads in signerd.json or look into the signers' logs";
  if (pools.empty == pools.quorums) {
    out.push_back(problem("key-pools", subject, "no quorum has a presignature left", fill));
  } else if (pools.empty > 0 || pools.low > 0) {
    out.push_back(warning("key-pools", subject,
                          std::to_string(pools.low) + " of " + std::to_string(pools.quorums) +
                              " quorums are below a quarter of their target, " + std::to_string(pools.empty) +
                              " empty",
                          fill));
  } else {
    out.push_back(good("key-pools", subject, std::to_string(pools.quorums) + " quorums have presignatures"));
  }
  return out;
}

}  // namespace

Findings judge_signers(const std::vector<SignerFacts>& signers, std::int64_t now) {
  Findings out;
  for (const auto& signer : signers) {
    const std::string subject = "signer " + std::to_string(signer.id);
    if (!signer.up) {
      out.push_back(
          problem("signer-link", subject,
                  signer.address + ": " + (signer.reason.empty() ? "no link in time" : signer.reason),
                  link_advice(signer.reason.empty() ? "in time" : signer.reason)));
      continue;
    }
    if (!signer.status) {
      out.push_back(problem("signer-status", subject, signer.address + ": linked, but " + signer.reason,
                            link_advice("")));
      continue;
    }
    out.push_back(good("signer-link", subject,
                       signer.address + ": TLS and hello accepted, status after " +
                           std::to_string(signer.answered_in.count()) + " us"));
    if (signer.certificate)
      out.push_back(judge_validity("signer-certificate", subject, *signer.certificate, now,
                                   "renew tls.crt on that signer (quorate ca sign) and restart it"));
    std::string lost;
    for (const auto& other : signers) {
      if (other.id == signer.id || !other.up || std::ranges::count(signer.status->linked, other.id) != 0)
        continue;
      lost += (lost.empty() ? "" : ", ") + std::to_string(other.id);
    }
    if (!lost.empty())
      out.push_back(warning("signer-mesh", subject,
                            "has no link to signer " + lost + ", which is up: their pools run dry",
                            "signers must reach each other at the addresses in group.json; look for a "
                            "firewall, and into their logs"));
  }
  return out;
}

Findings judge_key_service(const std::vector<SignerFacts>& signers, const std::optional<KeyId>& key,
                           const std::string& key_name) {
  if (std::ranges::none_of(signers, [](const auto& s) { return s.status.has_value(); })) return {};
  if (key) return judge_one_key(signers, *key, key_name);
  std::vector<KeyId> seen;
  Findings out;
  for (const auto& signer : signers) {
    if (!signer.status) continue;
    for (const auto& entry : signer.status->keys) {
      if (std::ranges::count(seen, entry.key) != 0) continue;
      seen.push_back(entry.key);
      append(out, judge_one_key(signers, entry.key, "key " + entry.key.brief()));
    }
  }
  if (seen.empty())
    out.push_back(warning("key-known", "cluster", "no signer lists a key that this certificate may use",
                          "make one with quorate keygen, or look at 'policy' in signerd.json"));
  return out;
}

}  // namespace quorate::tools::doctor
