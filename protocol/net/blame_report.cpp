#include "protocol/net/blame_report.h"

namespace quorate::net {
namespace {

std::string deed_of(const BlameEvidence& evidence) {
  if (std::holds_alternative<BadPartialEvidence>(evidence)) return "gave a wrong partial signature";
  if (std::holds_alternative<RowContradiction>(evidence)) return "signed two different rows in one run of presigning";
  return "is in dispute with as many signers as only an honest one of them can explain";
}

}  // namespace

void report_verdict(const coordinator::Verdict& verdict, const std::string& cluster, const EvidenceFolder* folder,
                    const Log& log) {
  const std::string about =
      verdict.quorum.empty() ? "" : "; presignature " + verdict.presignature.str() + " of quorum " + to_string(verdict.quorum);
  for (const auto& proven : verdict.proven) {
    std::string text = "signer " + std::to_string(proven.signer) + " " + deed_of(proven.evidence) + " confirmed=\"yes\"";
    if (folder == nullptr) {
      text += "; the evidence is not kept: no directory \"evidence\" is configured";
    } else if (const auto file = folder->save(cluster, proven.evidence)) {
      text += "; evidence in " + *file + "; verify with: quorate blame verify " + *file + " --group group.json";
    } else {
      text += "; the evidence could not be kept: " + file.error();
    }
    write_log(log, kLogError, text + about + (verdict.note.empty() ? "" : "; " + verdict.note));
  }
  for (const auto& suspected : verdict.suspected) {
    write_log(log, suspected.certain ? kLogError : kLogWarning,
              "signer " + std::to_string(suspected.signer) + " is suspected confirmed=\"no\": " + suspected.why + about);
  }
  if (verdict.proven.empty() && verdict.suspected.empty())
    write_log(log, kLogWarning, "a failed signature could not be explained: " + verdict.note + about);
}

}  // namespace quorate::net
