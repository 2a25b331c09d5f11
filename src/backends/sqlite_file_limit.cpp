// cachemodel: a limit on the size of files is an error, not the end of the process.
// SPDX-License-Identifier: MIT
#include "backends/sqlite_file_limit.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <ctime>

namespace cachemodel::sqlite {

namespace {

sigset_t only_this_signal() noexcept {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    return set;
}

}  // namespace

FileLimit::FileLimit() noexcept : before_{} {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    sigset_t pending;
    // One that waits for the application is not taken from it. It is blocked then anyway.
    if (::sigpending(&pending) != 0 || sigismember(&pending, SIGXFSZ) == 1) return;
    const auto signal = only_this_signal();
    is_blocked_here_ = ::pthread_sigmask(SIG_BLOCK, &signal, &before_) == 0;
}

FileLimit::~FileLimit() {
    if (!is_blocked_here_) return;
    const auto signal = only_this_signal();
    const timespec at_once{};
    while (::sigtimedwait(&signal, nullptr, &at_once) == -1 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace cachemodel::sqlite
