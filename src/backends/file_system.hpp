// cachemodel: the system's calls on files, with their errors as exceptions.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include "descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

namespace cachemodel::file {

/// A call of the system failed, or it did what must not be relied on.
class DiskError : public std::runtime_error {
 public:
    /// `code` is the `errno` that the attempt gave.
    DiskError(int code, const std::string& attempt);
    DiskError(BackendFault fault, const std::string& what);

    BackendFault fault() const noexcept { return fault_; }
    /// The directory or file was taken away in between. What was tried is worth another attempt.
    bool went_away() const noexcept;
    /// The path leads to something that cannot be used, and will the next time.
    bool lies_in_the_path() const noexcept;

 private:
    BackendFault fault_;
    int code_ = 0;
};

using detail::Descriptor;

/// For whoever opens a directory: never a file of another kind, never left to a child program.
constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
/// For whoever reads what stands under an entry's name: no link is followed, no FIFO waits.
constexpr int entry_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/// `openat`, tried again when a signal interrupts it. Not open on error; `errno` says why.
Descriptor try_open(int directory, const char* name, int flags, mode_t mode = 0) noexcept;
/// Errors: `DiskError`.
Descriptor open(int directory, const char* name, int flags, const std::string& attempt);

/// Makes a file that was not there, for reading and writing, and for this user alone from its
/// first moment, whatever the umask. Not open where there is something of this name.
///
/// Errors: `DiskError`.
Descriptor create(int directory, const char* name);

/// Whether there is anything of this name, what it is, and not what a link leads to.
///
/// Errors: `DiskError`.
std::optional<struct stat> status_of(int directory, const char* name);
struct stat status_of(const Descriptor& file);

/// Reads up to `size` bytes from `offset`; fewer only where the file ends.
///
/// Errors: `DiskError`.
std::size_t read_at(const Descriptor& file, char* to, std::size_t size, std::uint64_t offset);
/// Errors: `DiskError`, also where the file would exceed the limit of this process.
void write_at(const Descriptor& file, const char* from, std::size_t size, std::uint64_t offset);
/// Writes one part after the other, which it uses up.
void write_all(const Descriptor& file, std::span<iovec> parts);

/// For whoever is about to write a file of `size` bytes: the system would end a process that
/// exceeds its limit, by SIGXFSZ, instead of answering.
///
/// Errors: `DiskError`.
void refuse_if_over_limit(std::uint64_t size);

/// What had a name that is removed.
enum class Removed : std::uint8_t { nothing, file, directory };

/// Removes the name: a link and not its target, a directory if it is empty.
///
/// Errors: `DiskError`.
Removed remove_name(int directory, const char* name, const std::string& attempt = "remove a file");

enum class Kind : std::uint8_t { file, directory };

/// Gives `visit` every name in the directory but `.` and `..`, in no order. What is no directory
/// counts as a file.
///
/// Errors: `DiskError`.
void for_each_name(int directory, const std::function<void(const char*, Kind)>& visit);

/// Fills `bytes`, at most 256, with what nobody can guess.
void fill_randomly(std::span<unsigned char> bytes);

}  // namespace cachemodel::file
