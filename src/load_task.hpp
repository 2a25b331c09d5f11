// cachemodel: a load as a task of an executor.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/executor.hpp>

#include <memory>

#include "load_job.hpp"
#include "loans.hpp"

namespace cachemodel::detail {

/// Runs a job, unless the lender of `loans` is gone. While another process is loading what it is
/// about, it lets other tasks of its executor go first.
class LoadTask final : public Task {
 public:
    /// Of the calling thread, which may wait for it.
    LoadTask(std::unique_ptr<LoadJob> job, std::shared_ptr<Loans> loans, bool is_awaited);
    /// What follows on `before`.
    LoadTask(std::unique_ptr<LoadJob> job, const LoadTask& before);

    /// One that an executor has given up gives its leases back.
    ~LoadTask() override;
    LoadTask(const LoadTask&) = delete;
    LoadTask& operator=(const LoadTask&) = delete;

    void run() noexcept override;
    /// Before it runs.
    LoadJob& job() noexcept { return *job_; }

    /// Whether the calling thread is running one. What it needs loaded, it loads itself: others of
    /// its executor may all wait in the same way.
    static bool is_in_one() noexcept;

 private:
    bool give_way();

    std::unique_ptr<LoadJob> job_;
    std::shared_ptr<Loans> loans_;
    std::weak_ptr<Executor> executor_;
    bool has_run_ = false;
    bool has_place_;  ///< as whoever waits for it has one in the limit of loads
};

}  // namespace cachemodel::detail
