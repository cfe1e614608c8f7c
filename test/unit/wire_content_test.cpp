#include "protocol/wire/content.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "protocol/wire/content_der.h"

namespace quorate::wire {
namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* p) const { kFree(p); }
};
using Pkey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;

constexpr auto kServer13 = Context::Tls13ServerCertificateVerify;
constexpr auto kClient13 = Context::Tls13ClientCertificateVerify;
constexpr auto kServer12 = Context::Tls12ServerKeyExchange;
constexpr auto kClient12 = Context::Tls12ClientCertificateVerify;
constexpr auto kRequest = Context::Pkcs10CertificationRequest;
constexpr auto kTbs = Context::X509TbsCertificate;
constexpr auto kOcsp = Context::OcspResponseData;
constexpr auto kSha256 = DigestAlgorithm::Sha256;
constexpr auto kSha384 = DigestAlgorithm::Sha384;

template <class T, auto kEncode>
Bytes to_der(T* value) {
  unsigned char* der = nullptr;
  const int size = kEncode(value, &der);
  EXPECT_GT(size, 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Pkey new_key(const char* curve = "P-256") { return Pkey(EVP_EC_gen(curve)); }
Bytes spki_of(const Pkey& key) { return to_der<EVP_PKEY, i2d_PUBKEY>(key.get()); }

X509_NAME* set_name(X509_NAME* name, const char* text) {
  X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>("Example"), -1, -1, 0);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text), -1, -1, 0);
  return name;
}

Bytes request_info(const Pkey& key, bool with_extensions = true) {
  const Request req(X509_REQ_new());
  set_name(X509_REQ_get_subject_name(req.get()), "www.example.org");
  X509_REQ_set_pubkey(req.get(), key.get());
  if (with_extensions) {
    X509_EXTENSION* san = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:www.example.org");
    X509_EXTENSION* ku = X509V3_EXT_conf_nid(nullptr, nullptr, NID_key_usage, "critical,digitalSignature");
    STACK_OF(X509_EXTENSION)* list = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(list, san);
    sk_X509_EXTENSION_push(list, ku);
    X509_REQ_add_extensions(req.get(), list);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
  }
  return to_der<X509_REQ, i2d_re_X509_REQ_tbs>(req.get());
}

/// A certificate whose signature algorithm is set by signing it with a throw-away key.
Certificate make_certificate(const Pkey& subject, const Pkey& issuer, const EVP_MD* md, bool with_key_id) {
  Certificate issuer_cert(X509_new());
  X509_set_version(issuer_cert.get(), 2);
  X509_set_pubkey(issuer_cert.get(), issuer.get());
  Certificate cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 4711);
  set_name(X509_get_subject_name(cert.get()), "leaf");
  set_name(X509_get_issuer_name(cert.get()), "root");
  set_name(X509_get_subject_name(issuer_cert.get()), "root");
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 1000000000);
  X509_set_pubkey(cert.get(), subject.get());
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer_cert.get(), cert.get(), nullptr, nullptr, 0);
  if (with_key_id) {
    X509_EXTENSION* ski = X509V3_EXT_conf_nid(nullptr, &ctx, NID_subject_key_identifier, "hash");
    X509_EXTENSION* constraints = X509V3_EXT_conf_nid(nullptr, &ctx, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(cert.get(), constraints, -1);
    X509_add_ext(cert.get(), ski, -1);
    X509_EXTENSION_free(ski);
    X509_EXTENSION_free(constraints);
    X509V3_CTX issuing;
    X509V3_set_ctx(&issuing, issuer_cert.get(), issuer_cert.get(), nullptr, nullptr, 0);
    X509_EXTENSION* issuer_ski = X509V3_EXT_conf_nid(nullptr, &issuing, NID_subject_key_identifier, "hash");
    X509_add_ext(issuer_cert.get(), issuer_ski, -1);
    X509_EXTENSION_free(issuer_ski);
    X509_EXTENSION* aki = X509V3_EXT_conf_nid(nullptr, &ctx, NID_authority_key_identifier, "keyid:always");
    EXPECT_NE(aki, nullptr);
    X509_add_ext(cert.get(), aki, -1);
    X509_EXTENSION_free(aki);
  }
  EXPECT_GT(X509_sign(cert.get(), issuer.get(), md), 0);
  return cert;
}
Bytes tbs(const Certificate& cert) { return to_der<X509, i2d_re_X509_tbs>(cert.get()); }

Bytes ocsp_data(const Pkey& key, bool by_key) {
  const Certificate cert = make_certificate(key, key, EVP_sha256(), false);
  OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
  OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), cert.get(), cert.get());
  ASN1_TIME* now = X509_gmtime_adj(nullptr, 0);
  ASN1_TIME* later = X509_gmtime_adj(nullptr, 86400);
  OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, now, later);
  OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_REVOKED, OCSP_REVOKED_STATUS_KEYCOMPROMISE, now, now, nullptr);
  OCSP_basic_add1_nonce(basic, nullptr, 16);
  EXPECT_EQ(OCSP_basic_sign(basic, cert.get(), key.get(), EVP_sha256(), nullptr, by_key ? OCSP_RESPID_KEY : 0), 1);
  Bytes out = to_der<const OCSP_RESPDATA, i2d_OCSP_RESPDATA>(OCSP_resp_get0_respdata(basic));
  ASN1_TIME_free(now);
  ASN1_TIME_free(later);
  OCSP_CERTID_free(id);
  OCSP_BASICRESP_free(basic);
  return out;
}

Bytes tls13(std::string_view role = "server", std::size_t hash = 32) {
  const std::string head = std::string(64, ' ') + "TLS 1.3, " + std::string(role) + " CertificateVerify" + '\0';
  Bytes out(head.begin(), head.end());
  for (std::size_t i = 0; i < hash; ++i) out.push_back(static_cast<std::uint8_t>(i * 7 + 1));
  return out;
}

Bytes key_exchange(unsigned group = 23, std::size_t size = 65) {
  Bytes out;
  for (unsigned i = 0; i < 64; ++i) out.push_back(static_cast<std::uint8_t>(0xa0 + i));
  out.insert(out.end(), {3, static_cast<std::uint8_t>(group >> 8), static_cast<std::uint8_t>(group),
                         static_cast<std::uint8_t>(size)});
  out.push_back(4);
  for (std::size_t i = 1; i < size; ++i) out.push_back(static_cast<std::uint8_t>(i));
  return out;
}

Bytes handshake(std::uint8_t type, std::size_t length) {
  Bytes out{type, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  for (std::size_t i = 0; i < length; ++i) out.push_back(i < 2 ? 3 : 0x55);
  return out;
}
Bytes join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const auto& part : parts) append(out, part);
  return out;
}
Bytes transcript() {
  return join({handshake(1, 200), handshake(2, 80), handshake(11, 700), handshake(12, 140), handshake(13, 50),
               handshake(14, 0), handshake(11, 600), handshake(16, 66)});
}

class Content : public testing::Test {
 protected:
  bool allows(Context context, const Bytes& content, DigestAlgorithm digest = kSha256) {
    return check_content(context, content, digest, Curve::p256(), spki_).has_value();
  }
  std::string reason(Context context, const Bytes& content, DigestAlgorithm digest = kSha256) {
    auto result = check_content(context, content, digest, Curve::p256(), spki_);
    return result ? "" : result.error();
  }
  /// Cut, extended or with any single byte inserted at the front, the content loses this context.
  void expect_exact_length(const Bytes& content, Context context) {
    ASSERT_EQ(recognise(content), context);
    for (std::size_t n = 0; n < content.size(); ++n)
      EXPECT_NE(recognise(ByteView(content).first(n)), context) << "cut to " << n;
    for (const std::uint8_t tail : Bytes{0x00, 0x20, 0x30, 0xff}) {
      Bytes longer = content;
      longer.push_back(tail);
      EXPECT_FALSE(recognise(longer).has_value());
      Bytes shifted{tail};
      append(shifted, content);
      EXPECT_FALSE(recognise(shifted).has_value());
    }
  }

  Pkey key_ = new_key(), other_ = new_key();
  Bytes spki_ = spki_of(key_);
};

TEST_F(Content, names_and_numbers_go_both_ways) {
  for (std::uint8_t wire = 1; wire <= 7; ++wire) {
    const auto context = context_from(wire);
    ASSERT_TRUE(context);
    EXPECT_EQ(static_cast<std::uint8_t>(*context), wire);
    EXPECT_EQ(context_from(name(*context)), context);
  }
  EXPECT_FALSE(context_from(std::uint8_t{0}));
  EXPECT_FALSE(context_from(std::uint8_t{8}));
  EXPECT_FALSE(context_from("tls13"));
  EXPECT_FALSE(digest_from(0));
  EXPECT_FALSE(digest_from(4));
  EXPECT_EQ(name(*digest_from(3)), "SHA512");
}

TEST_F(Content, takes_tls13_certificate_verify_of_both_suites_hashes) {
  EXPECT_TRUE(allows(kServer13, tls13("server", 32)));
  EXPECT_TRUE(allows(kServer13, tls13("server", 48)));
  EXPECT_TRUE(allows(kClient13, tls13("client", 32)));
  EXPECT_EQ(tls13("server", 32).size(), 130u);
  EXPECT_EQ(tls13("server", 48).size(), 146u);
}

TEST_F(Content, ties_the_tls13_digest_to_the_curve) {
  EXPECT_FALSE(allows(kServer13, tls13(), kSha384));
  EXPECT_FALSE(allows(kServer13, tls13(), DigestAlgorithm::Sha512));
  EXPECT_TRUE(check_content(kServer13, tls13(), kSha384, Curve::p384(), spki_));
  EXPECT_FALSE(check_content(kServer13, tls13(), kSha256, Curve::p384(), spki_));
  EXPECT_FALSE(check_content(kServer13, tls13(), DigestAlgorithm{0}, Curve::p256(), spki_));
  EXPECT_FALSE(check_content(kServer13, tls13(), DigestAlgorithm{9}, Curve::p256(), spki_));
}

TEST_F(Content, rejects_tls13_with_any_fixed_byte_changed) {
  const Bytes good = tls13();
  for (std::size_t i = 0; i < 98; ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(recognise(bad).has_value()) << i;
  }
  expect_exact_length(good, kServer13);
  expect_exact_length(tls13("client", 32), kClient13);
  EXPECT_FALSE(recognise(tls13("server", 20)).has_value());
  EXPECT_FALSE(recognise(tls13("server", 64)).has_value());
}

TEST_F(Content, rejects_a_client_certificate_verify_passed_off_as_the_servers) {
  EXPECT_FALSE(allows(kServer13, tls13("client")));
  EXPECT_FALSE(allows(kClient13, tls13("server")));
  EXPECT_NE(reason(kServer13, tls13("client")).find("tls13-client-certificate-verify"), std::string::npos);
}

TEST_F(Content, takes_key_exchange_of_every_named_group) {
  EXPECT_TRUE(allows(kServer12, key_exchange(23, 65)));
  EXPECT_TRUE(allows(kServer12, key_exchange(24, 97)));
  EXPECT_TRUE(allows(kServer12, key_exchange(25, 133)));
  EXPECT_TRUE(allows(kServer12, key_exchange(29, 32)));
  EXPECT_TRUE(allows(kServer12, key_exchange(30, 56)));
  EXPECT_TRUE(allows(kServer12, key_exchange(), kSha384));
  EXPECT_EQ(key_exchange(23, 65).size(), 133u);
  EXPECT_EQ(key_exchange(29, 32).size(), 100u);
}

TEST_F(Content, rejects_key_exchange_with_wrong_lengths_groups_and_types) {
  expect_exact_length(key_exchange(), kServer12);
  EXPECT_FALSE(recognise(key_exchange(23, 64)).has_value());
  EXPECT_FALSE(recognise(key_exchange(23, 97)).has_value());
  EXPECT_FALSE(recognise(key_exchange(29, 65)).has_value());
  EXPECT_FALSE(recognise(key_exchange(22, 65)).has_value()) << "secp256k1";
  EXPECT_FALSE(recognise(key_exchange(256, 65)).has_value()) << "ffdhe2048";
  for (const std::uint8_t type : Bytes{0, 1, 2, 4}) {  // explicit curves and nothing
    Bytes bad = key_exchange();
    bad[64] = type;
    EXPECT_FALSE(recognise(bad).has_value());
  }
  Bytes compressed = key_exchange();
  compressed[68] = 2;
  EXPECT_FALSE(recognise(compressed).has_value());
  Bytes length_lies = key_exchange();
  length_lies[67] = 64;
  EXPECT_FALSE(recognise(length_lies).has_value());
}

TEST_F(Content, key_exchange_crafted_to_look_like_tls13_is_neither) {
  // An attacker chooses both randoms: 64 spaces. What follows must still be one or the other.
  Bytes spaces = key_exchange();
  std::fill_n(spaces.begin(), 64, std::uint8_t{0x20});
  EXPECT_EQ(recognise(spaces), kServer12);
  EXPECT_FALSE(allows(kServer13, spaces));
  Bytes text = tls13("server", 32);
  EXPECT_FALSE(allows(kServer12, text));
  for (unsigned group : {23u, 29u, 30u}) {
    Bytes crafted = tls13("server", 48);
    crafted[64] = 3;
    crafted[65] = 0;
    crafted[66] = static_cast<std::uint8_t>(group);
    EXPECT_FALSE(recognise(crafted).has_value());
  }
}

TEST_F(Content, key_exchange_crafted_to_pass_for_asn1_is_refused) {
  // SEQUENCE { OCTET STRING {the rest} } ending in well-formed ECDHE parameters.
  Bytes crafted = key_exchange();
  crafted[0] = 0x30;
  crafted[1] = 0x81;
  crafted[2] = static_cast<std::uint8_t>(crafted.size() - 3);
  crafted[3] = 0x04;
  crafted[4] = 0x81;
  crafted[5] = static_cast<std::uint8_t>(crafted.size() - 6);
  EXPECT_FALSE(recognise(crafted).has_value());
  crafted[4] = 0x82;  // the same in BER with a padded length
  crafted[5] = 0;
  crafted[6] = static_cast<std::uint8_t>(crafted.size() - 7);
  EXPECT_FALSE(recognise(crafted).has_value());
  crafted[6] = 1;  // children no longer end where the SEQUENCE does: an ordinary random again
  crafted[8] = 0xff;
  crafted[9] = 0xff;
  EXPECT_EQ(recognise(crafted), kServer12);
}

TEST_F(Content, takes_a_tls12_client_transcript) {
  EXPECT_TRUE(allows(kClient12, transcript()));
  EXPECT_FALSE(allows(kServer12, transcript()));
  expect_exact_length(join({handshake(1, 41), handshake(2, 38), handshake(11, 5), handshake(13, 8),
                            handshake(14, 0), handshake(11, 3), handshake(16, 33)}),
                      kClient12);
}

TEST_F(Content, rejects_a_transcript_out_of_order_or_incomplete) {
  EXPECT_FALSE(recognise(join({handshake(2, 80), handshake(1, 200), handshake(11, 700), handshake(13, 50),
                               handshake(14, 0), handshake(11, 600), handshake(16, 66)})));
  EXPECT_FALSE(recognise(join({handshake(1, 200), handshake(2, 80), handshake(11, 700), handshake(14, 0),
                               handshake(11, 600), handshake(16, 66)})))
      << "nobody asked for a certificate";
  EXPECT_FALSE(recognise(join({transcript(), handshake(20, 12)})));
  EXPECT_FALSE(recognise(join({handshake(1, 200), handshake(2, 80), handshake(11, 700), handshake(13, 50),
                               handshake(14, 1), handshake(11, 600), handshake(16, 66)})));
}

TEST_F(Content, takes_openssls_certificate_requests_for_this_key) {
  EXPECT_TRUE(allows(kRequest, request_info(key_)));
  EXPECT_TRUE(allows(kRequest, request_info(key_, false), kSha384));
  expect_exact_length(request_info(key_), kRequest);
}

TEST_F(Content, rejects_a_certificate_request_for_another_key) {
  const Bytes theirs = request_info(other_);
  EXPECT_EQ(recognise(theirs), kRequest);
  EXPECT_NE(reason(kRequest, theirs).find("another public key"), std::string::npos);
}

TEST_F(Content, rejects_a_request_with_garbage_in_any_length_byte) {
  const Bytes good = request_info(key_);
  std::size_t recognised = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const std::uint8_t flip : Bytes{0x01, 0x20, 0x80}) {
      Bytes bad = good;
      bad[i] ^= flip;
      if (const auto context = recognise(bad)) {
        ++recognised;  // a character of a name, a bit of the key
        EXPECT_EQ(context, kRequest);
      }
      EXPECT_FALSE(allows(kTbs, bad));
      EXPECT_FALSE(allows(kServer12, bad));
    }
  }
  EXPECT_LT(recognised, good.size() * 3);
  Bytes version1 = good;
  version1[good[1] < 0x80 ? 4 : 3 + (good[1] & 0x7f) + 1] = 1;
  EXPECT_FALSE(recognise(version1).has_value());
}

TEST_F(Content, takes_a_certificate_issued_by_this_key_only) {
  EXPECT_TRUE(allows(kTbs, tbs(make_certificate(other_, key_, EVP_sha256(), true))));
  EXPECT_TRUE(allows(kTbs, tbs(make_certificate(other_, key_, EVP_sha256(), false))));
  EXPECT_FALSE(allows(kTbs, tbs(make_certificate(other_, other_, EVP_sha256(), true))));
  EXPECT_FALSE(allows(kTbs, tbs(make_certificate(other_, key_, EVP_sha384(), true))));
  EXPECT_TRUE(allows(kTbs, tbs(make_certificate(other_, key_, EVP_sha384(), true)), kSha384));
  EXPECT_FALSE(allows(kRequest, tbs(make_certificate(key_, key_, EVP_sha256(), true))));
  expect_exact_length(tbs(make_certificate(other_, key_, EVP_sha256(), true)), kTbs);
}

TEST_F(Content, takes_ocsp_responses_of_this_key_only) {
  EXPECT_TRUE(allows(kOcsp, ocsp_data(key_, true)));
  EXPECT_TRUE(allows(kOcsp, ocsp_data(key_, false)));
  EXPECT_FALSE(allows(kOcsp, ocsp_data(other_, true)));
  expect_exact_length(ocsp_data(key_, true), kOcsp);
}

TEST_F(Content, names_what_it_refuses) {
  EXPECT_NE(why_unrecognised(Bytes(32)).find("bare digest"), std::string::npos);
  EXPECT_NE(why_unrecognised(Bytes(48)).find("bare digest"), std::string::npos);
  EXPECT_NE(reason(kServer13, Bytes(32, 0xab)).find("bare digest"), std::string::npos);
  Bytes sct{0, 0, 0, 0, 1, 0x92, 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1, 2, 3};
  EXPECT_NE(why_unrecognised(sct).find("SCT"), std::string::npos);
  EXPECT_NE(why_unrecognised(Bytes(70000)).find("65536"), std::string::npos);
  EXPECT_FALSE(recognise(Bytes(70000)));
  EXPECT_FALSE(recognise({}));

  X509_CRL* crl = X509_CRL_new();
  X509_CRL_set_version(crl, 1);
  X509_NAME* issuer = X509_NAME_new();
  X509_CRL_set_issuer_name(crl, set_name(issuer, "root"));
  ASN1_TIME* now = X509_gmtime_adj(nullptr, 0);
  X509_CRL_set1_lastUpdate(crl, now);
  X509_CRL_sign(crl, key_.get(), EVP_sha256());
  const Bytes list = to_der<X509_CRL, i2d_re_X509_CRL_tbs>(crl);
  EXPECT_FALSE(recognise(list).has_value());
  EXPECT_NE(why_unrecognised(list).find("revocation list"), std::string::npos);
  ASN1_TIME_free(now);
  X509_NAME_free(issuer);
  X509_CRL_free(crl);
}

TEST(Der, rejects_every_second_encoding_of_a_value) {
  const std::vector<std::pair<const char*, Bytes>> bad = {
      {"padded length", {0x04, 0x81, 0x01, 0x00}},
      {"length with a leading zero", {0x04, 0x82, 0x00, 0x80}},
      {"indefinite length", {0x30, 0x80, 0x00, 0x00}},
      {"cut off", {0x04, 0x02, 0x00}},
      {"trailing byte", {0x05, 0x00, 0x00}},
      {"boolean that is neither", {0x01, 0x01, 0x01}},
      {"padded integer", {0x02, 0x02, 0x00, 0x7f}},
      {"padded negative integer", {0x02, 0x02, 0xff, 0x80}},
      {"empty integer", {0x02, 0x00}},
      {"null with contents", {0x05, 0x01, 0x00}},
      {"padded arc", {0x06, 0x02, 0x2a, 0x80}},
      {"arc with leading zeros", {0x06, 0x03, 0x2a, 0x80, 0x01}},
      {"padding bits set", {0x03, 0x02, 0x01, 0x01}},
      {"padding of nothing", {0x03, 0x01, 0x01}},
      {"constructed octet string", {0x24, 0x02, 0x04, 0x00}},
      {"primitive sequence", {0x10, 0x00}},
      {"unsorted set", {0x31, 0x06, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01}},
      {"long tag", {0x3f, 0x21, 0x00}},
      {"end of contents", {0x00, 0x00}},
      {"local time", {0x17, 0x0d, '2', '6', '0', '1', '0', '1', '0', '0', '0', '0', '0', '0', '+'}},
  };
  for (const auto& [what, bytes] : bad) EXPECT_FALSE(der::valid(bytes)) << what;
  EXPECT_TRUE(der::valid(Bytes{0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02}));
}

TEST(Der, stops_at_thirty_two_levels) {
  Bytes nested{0x05, 0x00};
  for (int i = 0; i < 32; ++i) nested = der::encode(der::kSequence, nested);
  EXPECT_TRUE(der::valid(nested));
  EXPECT_FALSE(der::valid(der::encode(der::kSequence, nested)));
  Bytes deep;
  for (int i = 0; i < 20000; ++i) deep.insert(deep.end(), {0x30, 0x82, 0x7f, 0xff});
  EXPECT_FALSE(der::valid(deep));
}

TEST(Der, encodes_lengths_and_numbers_minimally) {
  for (std::size_t n : {0u, 1u, 127u, 128u, 255u, 256u, 65535u, 65536u}) {
    const Bytes whole = der::encode(der::kOctetString, Bytes(n, 7));
    const auto element = der::only(whole, der::kOctetString);
    ASSERT_TRUE(element) << n;
    EXPECT_EQ(element->value.size(), n);
    EXPECT_TRUE(der::valid(whole));
  }
  EXPECT_EQ(der::encode_unsigned(Bytes{0, 0, 0x80}), (Bytes{2, 2, 0, 0x80}));
  EXPECT_EQ(der::encode_unsigned(Bytes{0, 0, 0x7f}), (Bytes{2, 1, 0x7f}));
  EXPECT_EQ(der::encode_unsigned(Bytes{0, 0}), (Bytes{2, 1, 0}));
  EXPECT_EQ(der::encode_unsigned({}), (Bytes{2, 1, 0}));
  EXPECT_EQ(der::small_integer(Bytes{0x7f}), 127u);
  EXPECT_FALSE(der::small_integer(Bytes{0xff}));
  EXPECT_FALSE(der::small_integer(Bytes{0, 1}));
}

}  // namespace
}  // namespace quorate::wire
