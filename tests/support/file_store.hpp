// cachemodel: a directory for the file backend, and what a test does to the files in it.
// SPDX-License-Identifier: MIT
#pragma once

#include "support/backend_calls.hpp"
#include "support/process.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::support {

/// Of `bob`: `printf bob | sha256sum`.
inline constexpr std::string_view file_of_bob =
    "81/81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9.cachemodel";

/// The directory of a file cache inside a temporary one. It is not made yet.
class FileStore {
 public:
    std::filesystem::path path() const { return temporary_.path() / "cache"; }
    std::filesystem::path bob() const { return path() / file_of_bob; }

    /// The files below the directory whose names contain `part`.
    std::vector<std::filesystem::path> files(std::string_view part = "") const {
        std::vector<std::filesystem::path> found;
        if (!std::filesystem::exists(path())) return found;
        for (const auto& entry : std::filesystem::recursive_directory_iterator{path()}) {
            const bool is_directory =
                entry.symlink_status().type() == std::filesystem::file_type::directory;
            if (is_directory) continue;
            if (entry.path().filename().string().find(part) != std::string::npos) {
                found.push_back(entry.path());
            }
        }
        return found;
    }

    /// Those that stand for entries: two directories deep, named by 64 digits.
    std::size_t entries() const {
        const auto all = files(".cachemodel");
        return static_cast<std::size_t>(std::ranges::count_if(
            all, [](const auto& file) { return file.filename().string().size() == 75; }));
    }

    std::size_t drafts() const { return files("draft-").size(); }

 private:
    TemporaryDirectory temporary_;
};

inline std::string bytes_of(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file, std::ios::binary | std::ios::trunc}.write(
        bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// As if it had been written that long ago.
inline void make_older(const std::filesystem::path& file, std::chrono::seconds by) {
    std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) - by);
}

/// The permission bits, as in `ls -l`.
inline unsigned mode_of(const std::filesystem::path& file) {
    struct stat status {};
    return ::lstat(file.c_str(), &status) == 0 ? status.st_mode & 07777U : 0U;
}

}  // namespace cachemodel::support
