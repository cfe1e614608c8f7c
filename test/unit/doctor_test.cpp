// The judgements of `quorate doctor` on files, openssl.cnf and the module: facts in, findings out. What
// gathers facts is tested with a cluster by test/system/doctor_test.sh.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "test/unit/doctor_fixture.h"
#include "tools/doctor_files.h"
#include "tools/doctor_frontend.h"
#include "tools/doctor_module.h"
#include "tools/doctor_openssl_conf.h"

namespace quorate::tools::doctor {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// ---- report ----

TEST(DoctorReport, exit_status_tells_problems_from_warnings) {
  EXPECT_EQ(exit_code({}), 0);
  EXPECT_EQ(exit_code({good("a", "s", "t")}), 0);
  EXPECT_EQ(exit_code({good("a", "s", "t"), warning("a", "s", "t", "x")}), 4);
  EXPECT_EQ(exit_code({problem("a", "s", "t", "x"), warning("a", "s", "t", "x")}), 1);
}

TEST(DoctorReport, control_characters_of_peers_do_not_reach_the_terminal) {
  const std::string text = text_of({problem("a", "s\x1b[2J", "t\r\n ok", "x\x7f")});
  EXPECT_EQ(text, "problem  a: s?[2J: t?? ok\n         -> x?\n1 problem, 0 warnings, 0 ok");
}

TEST(DoctorReport, json_names_the_worst_level) {
  const auto json = json_of({good("a", "s", "t"), warning("b", "s", "t", "x")});
  EXPECT_EQ(json["status"], "warning");
  EXPECT_EQ(json["findings"][1]["advice"], "x");
  EXPECT_FALSE(json["findings"][0].contains("advice"));
}

// ---- files ----

FileFacts secret(unsigned mode) { return {"/k", "", false, mode, 0}; }

TEST(DoctorFiles, a_key_that_others_may_use_is_a_problem) {
  for (unsigned mode : {0644U, 0604U, 0602U, 0601U, 0660U, 0620U})
    EXPECT_EQ(judge_secret("m", secret(mode), Readers::Group).level, Level::Problem) << mode;
  for (unsigned mode : {0600U, 0400U, 0640U, 0440U})
    EXPECT_EQ(judge_secret("m", secret(mode), Readers::Group).level, Level::Ok) << mode;
  EXPECT_EQ(judge_secret("m", secret(0640), Readers::OwnerOnly).level, Level::Problem);
  EXPECT_EQ(judge_secret("m", secret(0600), Readers::OwnerOnly).level, Level::Ok);
  EXPECT_EQ(judge_secret("m", {"/k", "gone", false, 0, 0}, Readers::Group).level, Level::Problem);
}

TEST(DoctorFiles, a_file_that_everybody_may_write_is_not_to_be_trusted) {
  EXPECT_EQ(judge_trusted("m", secret(0646)).level, Level::Problem);
  EXPECT_EQ(judge_trusted("m", secret(0664)).level, Level::Ok);
}

TEST(DoctorFiles, a_state_directory_is_for_its_owner_only) {
  EXPECT_EQ(judge_private_directory("d", {"/d", "", true, 0700, 7}, 7).level, Level::Ok);
  EXPECT_EQ(judge_private_directory("d", {"/d", "", true, 0750, 7}, 7).level, Level::Problem);
  EXPECT_EQ(judge_private_directory("d", {"/d", "", true, 0700, 8}, 7).level, Level::Warning);
  EXPECT_EQ(judge_private_directory("d", {"/d", "", false, 0700, 7}, 7).level, Level::Problem);
}

// ---- openssl.cnf, written and read by OpenSSL's own reader ----

class DoctorConf : public testing::Test {
 protected:
  DoctorConf()
      : directory_(fs::path(testing::TempDir()) /
                   ("doctor-" + std::to_string(::getpid()) + "-" +
                    testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(directory_);
    write("quorate.so", "");
    write("provider.json", "{}");
  }
  ~DoctorConf() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  std::string sample() const {
    return "openssl_conf = init\n[init]\nproviders = list\n[list]\ndefault = def\nquorate = "
           "quo\n[def]\nactivate = 1\n"
           "[quo]\nmodule = " +
           path("quorate.so") + "\nquorate-config = " + path("provider.json") + "\nactivate = 1\n";
  }
  Findings judge(const std::string& text) const {
    write("openssl.cnf", text);
    return judge_openssl_conf(read_openssl_conf(path("openssl.cnf")));
  }
  Findings judge_with(const std::string& from, const std::string& to) const {
    std::string text = sample();
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return judge(text.replace(at, from.size(), to));
  }

 private:
  fs::path directory_;
};

TEST_F(DoctorConf, a_good_one_has_no_findings_but_ok) {
  const auto findings = judge(sample());
  EXPECT_EQ(worst(findings), Level::Ok) << text_of(findings);
  for (const char* check : {"openssl-conf", "openssl-sections", "quorate-activate", "provider-order",
                            "quorate-module", "quorate-config"})
    EXPECT_EQ(find(findings, check).check, check);
}

TEST_F(DoctorConf, names_the_broken_link_between_sections) {
  EXPECT_FINDING(judge("HOME = .\n"), "openssl-sections", Level::Problem, "has no 'openssl_conf");
  EXPECT_FINDING(judge_with("[init]", "[other]"), "openssl-sections", Level::Problem,
                 "[init], which is not there");
  EXPECT_FINDING(judge_with("providers = list", "x = y"), "openssl-sections", Level::Problem,
                 "has no 'providers");
  EXPECT_FINDING(judge_with("[list]", "[other]"), "openssl-sections", Level::Problem,
                 "[list], which is not there");
  EXPECT_FINDING(judge_with("quorate = quo\n", ""), "quorate-section", Level::Problem,
                 "does not name the quorate provider");
  EXPECT_FINDING(judge_with("[quo]", "[other]"), "quorate-section", Level::Problem,
                 "[quo], which is not there");
}

TEST_F(DoctorConf, rejects_what_does_not_parse_or_is_not_there) {
  EXPECT_FINDING(judge("[unclosed\n"), "openssl-conf", Level::Problem, "does not parse, line 1");
  EXPECT_FINDING(judge_openssl_conf(read_openssl_conf(path("missing.cnf"))), "openssl-conf", Level::Problem,
                 "No such file");
}

TEST_F(DoctorConf, a_missing_module_is_named_as_openssl_does_not) {
  fs::remove(path("quorate.so"));
  EXPECT_FINDING(judge(sample()), "quorate-module", Level::Problem, "OpenSSL ignores that");
}

TEST_F(DoctorConf, a_module_without_a_directory_is_looked_for_where_openssl_looks) {
  ::setenv("OPENSSL_MODULES", fs::path(path("x")).parent_path().c_str(), 1);
  EXPECT_FINDING(judge_with("module = " + path("quorate.so"), "module = quorate.so"), "quorate-module",
                 Level::Ok, "");
  EXPECT_FINDING(judge_with("module = " + path("quorate.so") + "\n", ""), "quorate-module", Level::Ok, "");
  EXPECT_FINDING(judge_with("module = " + path("quorate.so"), "module = other.so"), "quorate-module",
                 Level::Problem, "cannot be read");
  ::unsetenv("OPENSSL_MODULES");
}

TEST_F(DoctorConf, activation_has_to_be_said_and_meant) {
  const std::string end = path("provider.json") + "\nactivate = 1";
  const std::string stem = path("provider.json") + "\n";
  EXPECT_FINDING(judge_with(end, stem), "quorate-activate", Level::Problem, "does not activate");
  EXPECT_FINDING(judge_with(end, stem + "activate = 0"), "quorate-activate", Level::Problem, "OpenSSL 3.2");
  EXPECT_FINDING(judge_with(end, stem + "activate = ja"), "quorate-activate", Level::Problem, "refuse");
  EXPECT_FINDING(judge_with(end, stem + "1.activate = yes"), "quorate-activate", Level::Ok, "activates");
}

TEST_F(DoctorConf, order_of_the_default_provider) {
  const std::string both = "default = def\nquorate = quo\n", reversed = "quorate = quo\ndefault = def\n";
  EXPECT_FINDING(judge_with(both, reversed), "provider-order", Level::Warning,
                 "default stands behind quorate");
  EXPECT_FINDING(judge_with("[def]\nactivate = 1", "[def]\n"), "provider-order", Level::Warning,
                 "default is not activated");
  EXPECT_FINDING(judge_with(both, "quorate = quo\n"), "provider-order", Level::Warning,
                 "default is not activated");
}

TEST_F(DoctorConf, without_the_modules_own_repair_a_wrong_order_is_a_problem) {
  const std::string both = "default = def\nquorate = quo\n", off = "\nquorate-load-default = no\n";
  const auto with = [&](const std::string& list, const std::string& more) {
    std::string text = sample();
    text.replace(text.find(both), both.size(), list);
    return judge(text + off + more);
  };
  EXPECT_FINDING(with("quorate = quo\n", ""), "provider-order", Level::Problem, "ECDHE over P-256");
  EXPECT_FINDING(with("quorate = quo\ndefault = def\n", ""), "provider-order", Level::Problem,
                 "default stands behind");
  EXPECT_FINDING(with(both, ""), "provider-order", Level::Ok, "ahead of quorate");
  EXPECT_FINDING(with("fips = fip\nquorate = quo\n", "[fip]\nactivate = 1\n"), "provider-order", Level::Ok,
                 "fips is ahead");
  EXPECT_FINDING(with("quorate = quo\nfips = fip\n", "[fip]\nactivate = 1\n"), "provider-order",
                 Level::Problem, "ECDHE");
  EXPECT_FINDING(with("fips = fip\nquorate = quo\n", "[fip]\nx = 1\n"), "provider-order", Level::Problem,
                 "ECDHE");
}

TEST_F(DoctorConf, quorate_config_has_to_be_there_whole_and_readable) {
  const std::string line = "quorate-config = " + path("provider.json");
  EXPECT_FINDING(judge_with(line, ""), "quorate-config", Level::Problem, "no quorate-config");
  EXPECT_FINDING(judge_with(line, "quorate-config = provider.json"), "quorate-config", Level::Problem,
                 "relative");
  EXPECT_FINDING(judge_with(line, line + "x"), "quorate-config", Level::Problem, "cannot be read");
}

TEST_F(DoctorConf, lost_includes_are_found_at_any_depth) {
  write("inner.cnf", ".include = " + path("gone.cnf") + " # lost\n");
  EXPECT_FINDING(judge(".include " + path("inner.cnf") + "\n" + sample()), "openssl-include", Level::Problem,
                 "gone.cnf: not there");
  EXPECT_FINDING(judge(sample() + "# .include /gone\n"), "openssl-conf", Level::Ok, "in effect");
  EXPECT_EQ(find(judge(sample() + "# .include /gone\n"), "openssl-include").check, "");
}

TEST_F(DoctorConf, options_that_name_other_files_than_openssl_cnf_are_pointed_out) {
  write("openssl.cnf", sample());
  write("other.so", "");
  write("other.json", "");
  const auto conf = read_openssl_conf(path("openssl.cnf"));
  FrontendOptions options;
  options.module = path("quorate.so");
  options.config = path("provider.json");
  EXPECT_TRUE(judge_agreement(conf, options).empty());
  options.module = path("other.so");
  options.config = path("other.json");
  EXPECT_EQ(judge_agreement(conf, options).size(), 2U);
}

// ---- module ----

ModuleFacts good_module() {
  ModuleFacts facts;
  facts.subject = "/openssl.cnf";
  facts.through_conf = facts.reported = facts.loaded = facts.makes_ec_keys = facts.has_ciphers =
      facts.key_loaded = true;
  facts.version = "1";
  facts.ec_owner = "default";
  facts.key = "/key.pem";
  facts.key_owner = "quorate";
  return facts;
}
Findings judged(const std::function<void(ModuleFacts&)>& spoil) {
  auto facts = good_module();
  spoil(facts);
  return judge_module(facts, "quorate", "1");
}

TEST(DoctorModule, a_good_one_has_no_findings_but_ok) {
  EXPECT_EQ(worst(judged([](auto&) {})), Level::Ok);
}

TEST(DoctorModule, names_how_loading_failed) {
  EXPECT_FINDING(judged([](auto& f) { f.timed_out = true; }), "module-load", Level::Problem,
                 "did not come to an end");
  EXPECT_FINDING(judged([](auto& f) {
                   f.signal = 11;
                   f.reported = false;
                 }),
                 "module-load", Level::Problem, "signal 11");
  EXPECT_FINDING(judged([](auto& f) { f.reported = false; }), "module-load", Level::Problem, "no result");
  EXPECT_FINDING(judged([](auto& f) {
                   f.loaded = false;
                   f.errors = "undefined symbol: x";
                 }),
                 "module-load", Level::Problem, "undefined symbol: x");
}

TEST(DoctorModule, names_neighbours_that_break_ecdhe) {
  EXPECT_FINDING(judged([](auto& f) { f.ec_owner = "quorate"; }), "module-neighbours", Level::Problem,
                 "can make none");
  EXPECT_FINDING(judged([](auto& f) { f.makes_ec_keys = false; }), "module-neighbours", Level::Problem,
                 "P-256");
  EXPECT_FINDING(judged([](auto& f) { f.has_ciphers = false; }), "module-neighbours", Level::Problem,
                 "library has no ciphers");
}

TEST(DoctorModule, an_ordinary_key_is_not_taken_for_a_key_file) {
  EXPECT_FINDING(judged([](auto& f) { f.key_owner = "default"; }), "key-load", Level::Problem,
                 "ordinary key");
  EXPECT_FINDING(judged([](auto& f) {
                   f.key_loaded = false;
                   f.key_errors = "quorate::ConfigInvalid";
                 }),
                 "key-load", Level::Problem, "ConfigInvalid");
}

TEST(DoctorModule, another_release_and_complaints_are_warnings) {
  EXPECT_FINDING(judged([](auto& f) { f.version = "2"; }), "module-version", Level::Warning, "version 2");
  EXPECT_FINDING(judged([](auto& f) { f.log = "careful\n"; }), "module-log", Level::Warning, "careful");
}

TEST(DoctorModule, a_key_that_does_not_load_is_not_reported_twice) {
  const auto findings = judged([](auto& f) {
    f.key_loaded = false;
    f.log = "key not loaded";
  });
  EXPECT_EQ(find(findings, "module-log").check, "");
}

TEST(DoctorModule, a_module_that_is_none_does_not_end_this_process) {
  const fs::path file = fs::path(testing::TempDir()) / ("none-" + std::to_string(::getpid()) + ".so");
  std::ofstream(file) << std::string(4096, 'x');
  const auto facts = probe_module(std::nullopt, "quorate", file, std::nullopt);
  fs::remove(file);
  EXPECT_TRUE(facts.reported);
  EXPECT_FALSE(facts.loaded);
  EXPECT_THAT(facts.errors, HasSubstr("invalid ELF header"));
}

TEST(DoctorModule, a_module_that_crashes_ends_its_own_process_only) {
  const auto facts = probe_module(std::nullopt, "quorate", QUORATE_CRASHING_MODULE, std::nullopt);
  EXPECT_FALSE(facts.reported);
  EXPECT_EQ(facts.signal, SIGABRT);
  EXPECT_THAT(facts.log, HasSubstr("about to crash"));
  EXPECT_FINDING(judge_module(facts, "quorate", "1"), "module-load", Level::Problem, "signal 6");
}

}  // namespace
}  // namespace quorate::tools::doctor
