import AvailCommands

await Avail.main()
