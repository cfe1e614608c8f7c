#include "tools/doctor_certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/timex.h>

#include <array>
#include <memory>
#include <vector>

#include "protocol/base/ct.h"
#include "signerd/durable_file.h"

namespace quorate::tools::doctor {

namespace {

namespace fs = std::filesystem;

template <auto Free>
struct Call {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Certificate = std::unique_ptr<X509, Call<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Call<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Call<BIO_free_all>>;

constexpr std::size_t kMaxPem = 1 << 20;

int no_passphrase(char*, int, int, void*) { return -1; }

std::int64_t seconds(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}
Validity validity_of(const X509* certificate) {
  return {seconds(X509_get0_notBefore(certificate)), seconds(X509_get0_notAfter(certificate))};
}

std::string date(std::int64_t time) {
  const std::time_t value = time;
  std::tm parts{};
  std::array<char, 32> text{};
  gmtime_r(&value, &parts);
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts)};
}

/// All certificates of a PEM file; the reason if there is none.
std::vector<Certificate> read_certificates(const fs::path& file, std::string& flaw) {
  std::vector<Certificate> out;
  auto text = signerd::read_file(file, kMaxPem);
  if (!text) {
    flaw = text.error();
    return out;
  }
  const Memory in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  while (X509* one = PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr)) out.emplace_back(one);
  const unsigned long code = ERR_peek_last_error();
  if (ERR_GET_REASON(code) != PEM_R_NO_START_LINE) flaw = "a certificate in it is damaged";
  ERR_clear_error();
  if (out.empty() && flaw.empty()) flaw = "no certificate in PEM is in it";
  return out;
}

Key read_key(const fs::path& file, std::string& flaw) {
  auto text = signerd::read_file(file, kMaxPem);
  if (!text) {
    flaw = text.error();
    return nullptr;
  }
  const Memory in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr));
  ct::wipe(text->data(), text->size());
  if (!key) flaw = "no private key in PEM is in it (encrypted ones are not supported)";
  ERR_clear_error();
  return key;
}

/// Whether the chain is right apart from its dates, which have findings of their own. Both ends of a link
/// show such certificates, so any purpose will do.
std::string chain_flaw(const std::vector<Certificate>& chain, const std::vector<Certificate>& trusted) {
  const std::unique_ptr<X509_STORE, Call<X509_STORE_free>> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Call<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> rest(sk_X509_new_null(),
                                                                        [](auto* s) { sk_X509_free(s); });
  if (!store || !check || !rest) return "out of memory";
  for (const auto& ca : trusted) X509_STORE_add_cert(store.get(), ca.get());
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(rest.get(), chain[i].get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_NO_CHECK_TIME);
  if (X509_STORE_CTX_init(check.get(), store.get(), chain.front().get(), rest.get()) != 1)
    return "out of memory";
  const bool good = X509_verify_cert(check.get()) == 1;
  const int code = X509_STORE_CTX_get_error(check.get());
  ERR_clear_error();
  return good ? "" : X509_verify_cert_error_string(code);
}

}  // namespace

Finding judge_validity(std::string check, const std::string& subject, const Validity& validity,
                       std::int64_t now, const std::string& renewal) {
  if (now < validity.not_before)
    return problem(check, subject,
                   "not valid before " + date(validity.not_before) + "; the clock here says " + date(now),
                   "set the clock of this host, or of the host that issued it: one of them is wrong");
  if (now >= validity.not_after)
    return problem(check, subject, "expired on " + date(validity.not_after), renewal);
  if (validity.not_after - now < kRenewAhead)
    return warning(check, subject,
                   "expires on " + date(validity.not_after) + ", in " +
                       std::to_string((validity.not_after - now) / (24 * 3600)) + " days",
                   renewal);
  return good(check, subject, "valid until " + date(validity.not_after));
}

LinkCertificate read_link_certificate(const fs::path& file, const fs::path& key_file,
                                      const fs::path& ca_file) {
  LinkCertificate out;
  out.file = file;
  out.key_file = key_file;
  out.ca_file = ca_file;
  const auto chain = read_certificates(file, out.flaw);
  const auto trusted = read_certificates(ca_file, out.ca_flaw);
  const Key key = read_key(key_file, out.key_flaw);
  if (!trusted.empty()) out.ca_validity = validity_of(trusted.front().get());
  for (const auto& ca : trusted) {
    // Of several, the one that the certificate hangs on counts.
    if (!chain.empty() && X509_check_issued(ca.get(), chain.back().get()) == X509_V_OK)
      out.ca_validity = validity_of(ca.get());
  }
  std::error_code error;
  auto ca_key = ca_file;
  out.ca_key_beside = fs::exists(ca_key.replace_extension(".key"), error) && ca_key != key_file;
  if (chain.empty()) return out;
  out.validity = validity_of(chain.front().get());
  if (auto identity = net::identity_of(chain.front().get())) {
    out.identity = *identity;
  } else {
    out.identity_flaw = identity.error().detail;
  }
  out.key_fits = key && X509_check_private_key(chain.front().get(), key.get()) == 1;
  if (!trusted.empty()) out.chain_flaw = chain_flaw(chain, trusted);
  ERR_clear_error();
  return out;
}

Findings judge_link_certificate(const LinkCertificate& facts, const std::string& cluster, PartyId signer,
                                std::int64_t now) {
  const std::string file = facts.file.string(), key = facts.key_file.string(), ca = facts.ca_file.string();
  const std::string renewal =
      "make a new request (quorate init in an empty directory), have it signed (quorate ca sign), and put "
      "both in place";
  Findings out;
  if (!facts.ca_flaw.empty()) {
    out.push_back(
        problem("tls-ca", ca, facts.ca_flaw, "bring ca.crt from the machine that holds the cluster's CA"));
  } else {
    out.push_back(judge_validity("tls-ca", ca, facts.ca_validity, now,
                                 "make a new CA (quorate ca init), and certificates of it for every host"));
  }
  if (facts.ca_key_beside)
    out.push_back(
        warning("tls-ca-key", ca,
                "the CA's private key lies beside it: whoever has this host can pose as a front end",
                "keep ca.key off line, on a machine that serves nobody"));
  if (!facts.key_flaw.empty()) out.push_back(problem("tls-key", key, facts.key_flaw, renewal));
  if (!facts.flaw.empty()) {
    out.push_back(problem("tls-certificate", file, facts.flaw,
                          "have tls.csr signed with quorate ca sign, and bring tls.crt here"));
    return out;
  }
  out.push_back(judge_validity("tls-certificate", file, facts.validity, now, renewal));
  if (facts.ca_flaw.empty()) {
    out.push_back(
        facts.chain_flaw.empty()
            ? good("tls-chain", file, "issued by a CA in " + ca)
            : problem("tls-chain", file, "does not lead to a CA in " + ca + ": " + facts.chain_flaw,
                      "bring the ca.crt of the CA that signed it, the same on every host of the cluster"));
  }
  if (facts.key_flaw.empty()) {
    out.push_back(facts.key_fits ? good("tls-key-match", key, "belongs to " + file)
                                 : problem("tls-key-match", key, "does not belong to " + file, renewal));
  }
  constexpr auto kIdentity = "tls-identity";
  if (!facts.identity) {
    out.push_back(problem(kIdentity, file, facts.identity_flaw, renewal));
  } else if (const auto& who = *facts.identity; who.cluster != cluster) {
    out.push_back(
        problem(kIdentity, file,
                "is for " + who.uri() + ", which is of cluster '" + who.cluster + "', not '" + cluster + "'",
                "use the certificate that was made for this cluster"));
  } else if (signer != kNobody && (who.role != wire::Role::Signer || who.signer != signer)) {
    out.push_back(problem(kIdentity, file,
                          "is for " + who.uri() + ", not for signer " + std::to_string(signer),
                          "use the certificate that was made for this signer"));
  } else if (signer == kNobody && who.role == wire::Role::Signer) {
    out.push_back(problem(kIdentity, file,
                          "is for " + who.uri() + ": a signer's certificate has no place on a TLS server",
                          "make one of its own: quorate init frontend"));
  } else {
    out.push_back(good(kIdentity, file, who.uri()));
  }
  return out;
}

ServerCertificate read_server_certificate(const fs::path& file, const fs::path& key_file, ByteView spki) {
  ServerCertificate out;
  out.file = file;
  out.key_file = key_file;
  const auto chain = read_certificates(file, out.flaw);
  if (chain.empty()) return out;
  out.flaw.clear();  // the first one is what the server shows; a key file may stand behind it
  out.validity = validity_of(chain.front().get());
  const unsigned char* data = spki.data();
  const Key key(spki.empty() ? nullptr : d2i_PUBKEY(nullptr, &data, static_cast<long>(spki.size())));
  out.has_key = key != nullptr;
  EVP_PKEY* certified = X509_get0_pubkey(chain.front().get());
  out.key_fits = key && certified != nullptr && EVP_PKEY_eq(key.get(), certified) == 1;
  ERR_clear_error();
  return out;
}

Findings judge_server_certificate(const ServerCertificate& facts, std::int64_t now) {
  const std::string file = facts.file.string();
  if (!facts.flaw.empty())
    return {problem("server-certificate", file, facts.flaw,
                    "name the certificate that the server shows to its clients")};
  Findings out{judge_validity("server-certificate", file, facts.validity, now,
                              "make a request with openssl req -new and an administrator's provider.json, "
                              "and have it signed by its CA")};
  if (!facts.has_key) return out;
  out.push_back(facts.key_fits
                    ? good("key-match", facts.key_file.string(), "is the key of " + file)
                    : problem("key-match", facts.key_file.string(), "is not the key of " + file,
                              "give the server the key file that the certificate was requested with"));
  return out;
}

ClockFacts read_clock() {
  timex state{};
  const int result = ::adjtimex(&state);
  return {result >= 0, result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0};
}

Finding judge_clock(const ClockFacts& facts, std::int64_t now) {
  const std::string text = "says " + date(now);
  if (!facts.known)
    return warning("clock", "clock", text + "; the kernel does not tell whether it is kept right",
                   "compare it with another host");
  if (!facts.synchronised)
    return warning("clock", "clock", text + "; the kernel does not know of anything that keeps it right",
                   "run chrony or systemd-timesyncd: certificates are judged by this clock");
  return good("clock", "clock", text + ", synchronised");
}

}  // namespace quorate::tools::doctor
