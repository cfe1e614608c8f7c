#include <CLI/CLI.hpp>
#include <cstdio>

#include "signerd/server.h"

int main(int argc, char** argv) {
  CLI::App app{"signerd: one signer of a Quorate cluster. Holds a share of each key and answers with partial\n"
               "signatures; the whole key exists nowhere.",
               "signerd"};
  std::string config_path;
  bool check = false;
  app.add_option("-c,--config", config_path, "signerd.json of this signer")->required()->option_text("FILE");
  app.add_flag("-t,--test", check, "read and check the configuration and its files, then exit");
  app.footer("Logs go to standard error, one line of JSON an event. SIGTERM and SIGINT end it cleanly.\n"
             "Exit status: 0 after a clean stop, 1 if it cannot start, 2 for a wrong command line.");
  app.set_version_flag("--version", QUORATE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  auto config = quorate::signerd::load_config(config_path);
  if (!config) {
    std::fprintf(stderr, "signerd: %s\n", config.error().c_str());
    return 1;
  }
  if (check) {
    std::printf("%s: good; signer %d of cluster %s, %zu signers in the group\n", config_path.c_str(), config->id,
                config->cluster.c_str(), config->group.members.size());
    return 0;
  }
  auto server = quorate::signerd::Server::start(std::move(config).value());
  if (!server) {
    std::fprintf(stderr, "signerd: %s\n", server.error().c_str());
    return 1;
  }
  try {
    return (*server)->run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "signerd: %s\n", error.what());
    return 1;
  }
}
