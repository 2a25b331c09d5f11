// cachemodel: the directory of a file cache, and the 256 in it that hold the entries.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/file_lock.hpp"
#include "backends/file_system.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cachemodel::file {

constexpr unsigned shelf_count = 256;

/// One queue for each lock of a directory.
struct Queues {
    std::array<Queue, shelf_count> shelves;
    Queue counts;
    Queue room;
};

/// The directory, open. All that is done in it goes through the descriptor.
struct Root {
    Descriptor directory;
    std::string path;  ///< where it was when it was opened, free of links
    dev_t device = 0;
    ino_t inode = 0;
    std::unique_ptr<Queues> queues = std::make_unique<Queues>();
};

/// Finds, makes and keeps the directory. A child of `fork` keeps its own: threads that it does not
/// have may hold what its parent keeps, or stand in its queues.
///
/// Thread safety: may be called concurrently.
class Location {
 public:
    explicit Location(std::string directory);
    ~Location();
    Location(const Location&) = delete;
    Location& operator=(const Location&) = delete;

    const std::string& directory() const noexcept { return directory_; }

    /// The directory as it is now; opened again where it was deleted or replaced. Null where there
    /// is none.
    ///
    /// Errors: `DiskError`, with `permission` where it must not be trusted.
    std::shared_ptr<const Root> find();
    /// Makes it and its parents where they are not there, for this user alone.
    std::shared_ptr<const Root> find_or_make();

    void close() noexcept;

 private:
    struct Process;

    Process& process();
    std::shared_ptr<const Root> still_current();
    std::shared_ptr<const Root> keep(Descriptor directory);

    std::string directory_;
    std::atomic<Process*> process_;
};

/// Relative to the root: two digits.
std::string name_of(unsigned shelf);

/// One of the 256; not open where it is not there, or something else is in its place, as a link.
///
/// Errors: `DiskError`, with `permission` where it must not be trusted.
Descriptor find_shelf(const Root& root, unsigned number);
/// Makes it where it is not there, in place of whatever else is.
Descriptor find_or_make_shelf(const Root& root, unsigned number);

/// Whether what is open is still what stands in the shelf's place.
bool is_in_place(const Root& root, unsigned number, const Descriptor& shelf);

/// Does `work` with a shelf, if it is there. Gives back what went wrong, which concerns the keys of
/// this shelf alone; that it was deleted meanwhile is nothing wrong.
template <class Work>
std::optional<DiskError> on_shelf(const Root& root, unsigned number, Work work) {
    try {
        const Descriptor shelf = find_shelf(root, number);
        if (shelf.is_open()) work(shelf);
    } catch (const DiskError& error) {
        if (!error.went_away()) return error;
    }
    return std::nullopt;
}

}  // namespace cachemodel::file
