#include "tools/doctor_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace quorate::tools::doctor {

namespace {

constexpr unsigned kGroupRead = 0040, kGroupWrite = 0020, kOthers = 0007, kOthersWrite = 0002,
                   kNotOwner = 0077;

std::string octal(unsigned mode) {
  std::string out = "0";
  for (int shift = 6; shift >= 0; shift -= 3) out += static_cast<char>('0' + ((mode >> shift) & 7));
  return out;
}

std::string missing_advice(const FileFacts& file) {
  return "look whether the name is right, and that the user who runs the server may read it: ls -l " +
         file.path.string();
}

}  // namespace

FileFacts look_at(const std::filesystem::path& path) {
  FileFacts facts;
  facts.path = path;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    facts.unusable = std::generic_category().message(errno);
    return facts;
  }
  facts.directory = S_ISDIR(info.st_mode);
  facts.mode = info.st_mode & 07777U;
  facts.owner = info.st_uid;
  if (!facts.directory && !S_ISREG(info.st_mode)) {
    facts.unusable = "neither a file nor a directory";
  } else if (::access(path.c_str(), R_OK) != 0) {
    facts.unusable = std::generic_category().message(errno);
  }
  return facts;
}

Finding judge_secret(std::string check, const FileFacts& file, Readers readers) {
  const std::string name = file.path.string();
  if (!file.unusable.empty())
    return problem(check, name, "cannot be read: " + file.unusable, missing_advice(file));
  if (file.directory) return problem(check, name, "is a directory", "name the file in it");
  const char* mode = readers == Readers::Group ? "640" : "600";
  const std::string advice =
      std::string("run chmod ") + mode + " " + name + ", and replace the key if others had access to it";
  if ((file.mode & kOthers) != 0)
    return problem(check, name,
                   "everybody on this host may use this private key (mode " + octal(file.mode) + ")", advice);
  if ((file.mode & kGroupWrite) != 0)
    return problem(check, name, "its group may replace this private key (mode " + octal(file.mode) + ")",
                   advice);
  if (readers == Readers::OwnerOnly && (file.mode & kNotOwner) != 0)
    return problem(check, name, "its group may read this key (mode " + octal(file.mode) + ")", advice);
  return good(
      check, name,
      (file.mode & kGroupRead) != 0 ? "readable by owner and group only" : "readable by its owner only");
}

Finding judge_trusted(std::string check, const FileFacts& file) {
  const std::string name = file.path.string();
  if (!file.unusable.empty())
    return problem(check, name, "cannot be read: " + file.unusable, missing_advice(file));
  if ((file.mode & kOthersWrite) != 0)
    return problem(check, name, "everybody on this host may change it (mode " + octal(file.mode) + ")",
                   "run chmod o-w " + name + ", and compare its content with what it should be");
  return good(check, name, "present, not writable by others");
}

Finding judge_private_directory(std::string check, const FileFacts& directory, uid_t expected_owner) {
  const std::string name = directory.path.string();
  if (!directory.unusable.empty())
    return problem(check, name, "cannot be used: " + directory.unusable,
                   "create it for the user that runs signerd (systemd: StateDirectory=), mode 0700");
  if (!directory.directory) return problem(check, name, "is no directory", "name a directory");
  if ((directory.mode & kNotOwner) != 0)
    return problem(check, name, "others may look into it (mode " + octal(directory.mode) + ")",
                   "run chmod 700 " + name);
  if (directory.owner != expected_owner)
    return warning(check, name,
                   "belongs to user id " + std::to_string(directory.owner) +
                       ", the keys beside it to user id " + std::to_string(expected_owner),
                   "both should belong to the user that runs signerd: run chown -R on " + name);
  return good(check, name, "for its owner only");
}

}  // namespace quorate::tools::doctor
