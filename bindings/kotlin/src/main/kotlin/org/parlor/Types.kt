package org.parlor

/*
 * The engine's own types that apps use as they are. What has kinds nested in it (`Event`, `Credential`,
 * `ParlorException`) is named by its own package, `org.parlor.engine`, where a kind is matched: an alias has no nested
 * names.
 */

public typealias AudioPlayout = org.parlor.engine.AudioPlayout
public typealias AudioSource = org.parlor.engine.AudioSource
public typealias Codec = org.parlor.engine.Codec
public typealias Credential = org.parlor.engine.Credential
public typealias DataChannelOptions = org.parlor.engine.DataChannelOptions
public typealias EncodedInfo = org.parlor.engine.EncodedInfo
public typealias Engine = org.parlor.engine.Engine
public typealias EngineConfig = org.parlor.engine.EngineConfig
public typealias Event = org.parlor.engine.Event
public typealias FileMode = org.parlor.engine.FileMode
public typealias IceServer = org.parlor.engine.IceServer
public typealias LiveObjects = org.parlor.engine.LiveObjects
public typealias LogLevel = org.parlor.engine.LogLevel
public typealias MediaKind = org.parlor.engine.MediaKind
public typealias MediaStream = org.parlor.engine.MediaStream
public typealias MediaTrack = org.parlor.engine.MediaTrack
public typealias MessageKind = org.parlor.engine.MessageKind
public typealias ParlorException = org.parlor.engine.ParlorException
public typealias PeerState = org.parlor.engine.PeerState
public typealias PeerStats = org.parlor.engine.PeerStats
public typealias PixelFormat = org.parlor.engine.PixelFormat
public typealias Reference = org.parlor.engine.Reference
public typealias RemotePeer = org.parlor.engine.RemotePeer
public typealias Request = org.parlor.engine.Request
public typealias SessionConfig = org.parlor.engine.SessionConfig
public typealias SessionState = org.parlor.engine.SessionState
public typealias SinkWants = org.parlor.engine.SinkWants
public typealias Status = org.parlor.engine.Status
public typealias TrackStats = org.parlor.engine.TrackStats
public typealias VideoSource = org.parlor.engine.VideoSource
