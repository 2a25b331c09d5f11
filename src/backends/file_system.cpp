// cachemodel: the system's calls on files, with their errors as exceptions.
// SPDX-License-Identifier: MIT
#include "backends/file_system.hpp"

#include <dirent.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>

namespace cachemodel::file {

namespace {

[[noreturn]] void fail(const std::string& attempt) { throw DiskError{errno, attempt}; }

BackendFault fault_of(int error) noexcept {
    switch (error) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return BackendFault::full;
        case EACCES:
        case EPERM:
        case EROFS:
            return BackendFault::permission;
        case EBADF:  // what NFS says to locking a directory
        case ENOLCK:
        case ENOTSUP:
            return BackendFault::unsupported;
        default:
            return BackendFault::unavailable;
    }
}

/// Not every file system tells with the name.
bool is_directory(int directory, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
    const auto status = status_of(directory, entry.d_name);
    return status && S_ISDIR(status->st_mode);
}

}  // namespace

DiskError::DiskError(int code, const std::string& attempt)
    : std::runtime_error("cannot " + attempt + ": " + std::generic_category().message(code)),
      fault_(fault_of(code)),
      code_(code) {}

DiskError::DiskError(BackendFault fault, const std::string& what)
    : std::runtime_error(what), fault_(fault) {}

bool DiskError::went_away() const noexcept { return code_ == ENOENT || code_ == ESTALE; }

bool DiskError::lies_in_the_path() const noexcept {
    return fault_ == BackendFault::permission || code_ == ENOTDIR || code_ == ELOOP ||
           code_ == ENAMETOOLONG;
}

Descriptor try_open(int directory, const char* name, int flags, mode_t mode) noexcept {
    int number = -1;
    do {
        number = ::openat(directory, name, flags, mode);
    } while (number == -1 && errno == EINTR);
    return Descriptor{number};
}

Descriptor open(int directory, const char* name, int flags, const std::string& attempt) {
    Descriptor file = try_open(directory, name, flags);
    if (!file.is_open()) fail(attempt);
    return file;
}

Descriptor create(int directory, const char* name) {
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    Descriptor file = try_open(directory, name, flags, 0600);
    if (!file.is_open() && errno != EEXIST) fail("create a file");
    // A umask may have taken even the owner's rights away.
    if (file.is_open() && (status_of(file).st_mode & 0600) != 0600 &&
        ::fchmod(file.number(), 0600) != 0) {
        fail("set the mode of a file");
    }
    return file;
}

std::optional<struct stat> status_of(int directory, const char* name) {
    struct stat status {};
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
    if (errno == ENOENT) return std::nullopt;
    fail("look at a file");
}

struct stat status_of(const Descriptor& file) {
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) fail("look at an open file");
    return status;
}

std::size_t read_at(const Descriptor& file, char* to, std::size_t size, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < size) {
        const auto count =
            ::pread(file.number(), to + done, size - done, static_cast<off_t>(offset + done));
        if (count == -1 && errno == EINTR) continue;
        if (count == -1) fail("read a file");
        if (count == 0) break;
        done += static_cast<std::size_t>(count);
    }
    return done;
}

void write_at(const Descriptor& file, const char* from, std::size_t size, std::uint64_t offset) {
    refuse_if_over_limit(offset + size);
    std::size_t done = 0;
    while (done < size) {
        const auto count =
            ::pwrite(file.number(), from + done, size - done, static_cast<off_t>(offset + done));
        if (count == -1 && errno == EINTR) continue;
        if (count == -1) fail("write into a file");
        done += static_cast<std::size_t>(count);
    }
}

void write_all(const Descriptor& file, std::span<iovec> parts) {
    while (!parts.empty()) {
        const auto count = ::writev(file.number(), parts.data(), static_cast<int>(parts.size()));
        if (count == -1 && errno == EINTR) continue;
        if (count == -1) fail("write a file");
        auto written = static_cast<std::size_t>(count);
        while (!parts.empty() && written >= parts.front().iov_len) {
            written -= parts.front().iov_len;
            parts = parts.subspan(1);
        }
        if (parts.empty()) break;
        parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + written;
        parts.front().iov_len -= written;
    }
}

void refuse_if_over_limit(std::uint64_t size) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    if (size > limit.rlim_cur) throw DiskError{EFBIG, "write a file"};
}

Removed remove_name(int directory, const char* name, const std::string& attempt) {
    if (::unlinkat(directory, name, 0) == 0) return Removed::file;
    if (errno == ENOENT) return Removed::nothing;
    int error = errno;
    if (error == EISDIR || error == EPERM) {  // a directory, by Linux and by POSIX
        if (::unlinkat(directory, name, AT_REMOVEDIR) == 0) return Removed::directory;
        if (errno != ENOTDIR) error = errno;
    }
    throw DiskError{error, attempt};
}

void for_each_name(int directory, const std::function<void(const char*, Kind)>& visit) {
    // Its own description of the directory: where to go on reading belongs to that.
    const int number = open(directory, ".", directory_flags, "open a directory").release();
    const std::unique_ptr<DIR, int (*)(DIR*)> list{::fdopendir(number), &::closedir};
    if (!list) {
        const Descriptor closed{number};
        fail("list a directory");
    }
    while (true) {
        errno = 0;
        const dirent* const entry = ::readdir(list.get());
        if (entry == nullptr) break;
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        visit(entry->d_name, is_directory(directory, *entry) ? Kind::directory : Kind::file);
    }
    if (errno != 0 && errno != ENOENT) fail("list a directory");
}

void fill_randomly(std::span<unsigned char> bytes) {
    if (::getentropy(bytes.data(), bytes.size()) != 0) fail("get random bytes");
}

}  // namespace cachemodel::file
