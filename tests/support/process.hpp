// cachemodel: a program that a test starts, and that ends with it.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace cachemodel::support {

/// A directory of its own under the system's temporary one; removed with everything in it.
class TemporaryDirectory {
 public:
    TemporaryDirectory();
    ~TemporaryDirectory();

    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }

 private:
    std::filesystem::path path_;
};

/// A child process. It is killed with this object, and by the system should the tests themselves be
/// killed. Make it on a thread that outlives it.
class Process {
 public:
    /// Errors: `std::runtime_error` when no process can be made. That the program does not exist
    /// shows as an exit with 127.
    explicit Process(const std::vector<std::string>& command);
    ~Process();

    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// Holds it; when this returns, it does nothing any more.
    void stop() const;
    void go_on() const;
    /// Ends it at once and waits until it is gone.
    void kill() noexcept;
    bool is_running() noexcept;

 private:
    void signal(int number) const;

    pid_t id_;
};

}  // namespace cachemodel::support
