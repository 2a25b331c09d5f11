// cachemodel: the directory of a file cache, and the 256 in it that hold the entries.
// SPDX-License-Identifier: MIT
#include "backends/file_location.hpp"

#include <cachemodel/detail/key_text.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

namespace cachemodel::file {

namespace {

/// A directory on the way may be one that this user can only pass through.
#ifdef O_PATH
constexpr int passing_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
#else
constexpr int passing_flags = directory_flags;
#endif

/// Whoever else can write there could put files of their own in place of ours.
void refuse_untrusted(const struct stat& status) {
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
        throw DiskError{BackendFault::permission, "the directory belongs to another user"};
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        throw DiskError{BackendFault::permission, "the directory is writable by others"};
    }
}

/// Errors: `DiskError`; that it is there already is none.
void make_directory(int parent, const char* name) {
    if (::mkdirat(parent, name, 0700) != 0) {
        if (errno == EEXIST) return;
        throw DiskError{errno, "create a directory"};
    }
    // A umask may have taken the owner's own rights away.
    const auto status = status_of(parent, name);
    if (status && (status->st_mode & 0700) != 0700 && ::fchmodat(parent, name, 0700, 0) != 0) {
        throw DiskError{errno, "set the mode of a directory"};
    }
}

/// Level by level, so that each that is made gets its mode.
Descriptor make_path(std::string_view path) {
    Descriptor parent = open(AT_FDCWD, "/", passing_flags, "open the root directory");
    std::size_t begin = 0;
    while ((begin = path.find_first_not_of('/', begin)) != std::string_view::npos) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string name{path.substr(begin, end - begin)};
        Descriptor next = try_open(parent.number(), name.c_str(), passing_flags);
        if (!next.is_open() && errno == ENOENT) {
            make_directory(parent.number(), name.c_str());
            next = open(parent.number(), name.c_str(), passing_flags | O_NOFOLLOW,
                        "open the new directory " + name);
        }
        if (!next.is_open()) throw DiskError{errno, "open " + std::string{path.substr(0, end)}};
        parent = std::move(next);
        begin = end;
    }
    return open(parent.number(), ".", directory_flags, "open the directory");
}

std::string resolved(const std::string& directory) {
    std::array<char, PATH_MAX> path{};
    if (::realpath(directory.c_str(), path.data()) == nullptr) {
        throw DiskError{errno, "resolve the directory"};
    }
    return path.data();
}

}  // namespace

struct Location::Process {
    /// Gives back what was `current` until now.
    std::shared_ptr<const Root> exchange(std::shared_ptr<const Root> root) noexcept {
        const std::lock_guard lock{mutex};
        return std::exchange(current, std::move(root));
    }

    const pid_t id = ::getpid();
    std::mutex mutex;
    std::shared_ptr<const Root> current;
};

Location::Location(std::string directory)
    : directory_(std::move(directory)), process_(std::make_unique<Process>().release()) {}

Location::~Location() {
    const auto* process = process_.load();
    // That of a parent is left alone: threads of the parent may have been using it.
    if (process->id == ::getpid()) delete process;
}

Location::Process& Location::process() {
    auto* known = process_.load(std::memory_order_acquire);
    if (known->id == ::getpid()) return *known;
    auto own = std::make_unique<Process>();
    if (!process_.compare_exchange_strong(known, own.get())) return *known;
    // What the parent knew is left alone, and its descriptor open. A thread that this process does
    // not have may hold the lock, and as `fork` copies descriptors before memory, the number may
    // not be that of the directory here.
    return *own.release();
}

std::shared_ptr<const Root> Location::still_current() {
    std::shared_ptr<const Root> known;
    {
        auto& own = process();
        const std::lock_guard lock{own.mutex};
        known = own.current;
    }
    if (!known) return nullptr;
    struct stat status {};
    if (::stat(known->path.c_str(), &status) != 0 || status.st_dev != known->device ||
        status.st_ino != known->inode) {
        return nullptr;
    }
    refuse_untrusted(status);
    return known;
}

std::shared_ptr<const Root> Location::keep(Descriptor directory) {
    const struct stat opened = status_of(directory);
    refuse_untrusted(opened);
    struct stat named {};
    auto path = resolved(directory_);
    if (::stat(path.c_str(), &named) != 0 || named.st_dev != opened.st_dev ||
        named.st_ino != opened.st_ino) {
        throw DiskError{ENOENT, "keep the directory, as it was replaced meanwhile"};
    }
    auto root = std::make_shared<const Root>(
        Root{std::move(directory), std::move(path), opened.st_dev, opened.st_ino});
    process().exchange(root);
    return root;
}

std::shared_ptr<const Root> Location::find() {
    if (auto root = still_current()) return root;
    Descriptor directory = try_open(AT_FDCWD, directory_.c_str(), directory_flags);
    if (directory.is_open()) return keep(std::move(directory));
    if (errno == ENOENT) return nullptr;
    throw DiskError{errno, "open the directory"};
}

std::shared_ptr<const Root> Location::find_or_make() {
    if (auto root = find()) return root;
    return keep(make_path(directory_));
}

void Location::close() noexcept {
    try {
        // Closed when nobody has to wait for it.
        process().exchange(nullptr);
    } catch (const std::bad_alloc&) {
        // A forked child that cannot have its own has nothing to close.
    }
}

std::string name_of(unsigned shelf) {
    const char byte = static_cast<char>(shelf);
    std::string name;
    detail::append_hex(name, {&byte, 1});
    return name;
}

Descriptor find_shelf(const Root& root, unsigned number) {
    Descriptor shelf =
        try_open(root.directory.number(), name_of(number).c_str(), directory_flags | O_NOFOLLOW);
    if (shelf.is_open()) {
        refuse_untrusted(status_of(shelf));
        return shelf;
    }
    switch (errno) {
        case ENOENT:
        case ENOTDIR:  // a file; on Linux, a link too
        case ELOOP:
        case EMLINK:  // a link, on FreeBSD
            return shelf;
        default:
            throw DiskError{errno, "open a directory of entries"};
    }
}

Descriptor find_or_make_shelf(const Root& root, unsigned number) {
    Descriptor shelf = find_shelf(root, number);
    if (shelf.is_open()) return shelf;
    const int directory = root.directory.number();
    const std::string name = name_of(number);
    // What is no directory goes. If somebody has made the directory meanwhile, this does nothing.
    ::unlinkat(directory, name.c_str(), 0);
    make_directory(directory, name.c_str());
    return open(directory, name.c_str(), directory_flags | O_NOFOLLOW,
                "open a new directory of entries");
}

bool is_in_place(const Root& root, unsigned number, const Descriptor& shelf) {
    const auto named = status_of(root.directory.number(), name_of(number).c_str());
    const struct stat opened = status_of(shelf);
    return named && named->st_dev == opened.st_dev && named->st_ino == opened.st_ino;
}

}  // namespace cachemodel::file
