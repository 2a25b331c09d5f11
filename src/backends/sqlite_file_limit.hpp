// cachemodel: a limit on the size of files is an error, not the end of the process.
// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace cachemodel::sqlite {

/// While this lives, what this thread writes beyond the process' limit on the size of files fails,
/// with EFBIG. The system would end the process, by SIGXFSZ, where that is not blocked.
///
/// Thread safety: made and destroyed by the same thread.
class FileLimit {
 public:
    FileLimit() noexcept;
    ~FileLimit();
    FileLimit(const FileLimit&) = delete;
    FileLimit& operator=(const FileLimit&) = delete;

 private:
    bool is_blocked_here_ = false;
    sigset_t before_;
};

}  // namespace cachemodel::sqlite
