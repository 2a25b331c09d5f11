// cachemodel: the demo: leaves nothing behind, not even after Ctrl-C.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

namespace demo {

/// Has a temporary directory and at most one child process, and removes and ends them: when
/// destroyed, and when the demo is told to stop (SIGINT, SIGTERM, SIGHUP).
///
/// Make it before any thread: those signals are then left to it in all of them.
class TidyUp {
 public:
    TidyUp();
    ~TidyUp();
    TidyUp(const TidyUp&) = delete;
    TidyUp& operator=(const TidyUp&) = delete;

    const std::filesystem::path& directory() const noexcept { return directory_; }

    /// Runs a program in the background, without input and output. There must be none yet.
    void start(char* const* arguments);
    /// True until the child ended.
    bool child_runs();
    /// Kills the child at once, as a crash would.
    void kill_child();

 private:
    void kill_child_locked() noexcept;
    void tidy() noexcept;

    std::filesystem::path directory_;
    std::mutex mutex_;
    std::optional<pid_t> child_;
    std::thread signals_;
};

}  // namespace demo
